"""Commands about decisions: the audit trail."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.clock import iso
from domain.errors import Refused
from leadscore.terminal.options import AsJson, OutFile, group
from leadscore.terminal.output import put, put_json, put_table, say
from leadscore.terminal.progress import counting

if TYPE_CHECKING:
    from config.settings import Settings
    from domain.decisions import DecisionQuery, DecisionRecord

audit = group("The record of every decision.")
Lead = Annotated[str | None, typer.Option(help="A lead's id, or kind:value of an identifier.")]
Account = Annotated[str | None, typer.Option(help="An account's id, or its domain or CRM id.")]
Since = Annotated[str | None, typer.Option(help="Decided at this moment or later.")]
Until = Annotated[str | None, typer.Option(help="Decided before this moment.")]
Version = Annotated[str | None, typer.Option(help="The model's version, as lead-3.")]
Policy = Annotated[str | None, typer.Option(help="The policy's version.")]
Grade = Annotated[str | None, typer.Option(help="The grade, A to D.")]
Action = Annotated[str | None, typer.Option(help="The action that was decided.")]
Rule = Annotated[str | None, typer.Option(help="A rule of the policy that decided.")]
DecisionId = Annotated[str, typer.Argument(metavar="ID")]


@audit.command("show")
def show(decision_id: DecisionId, as_json: AsJson = False) -> None:
    """One decision, with everything that made it."""
    from config.settings import load_settings
    from leadscore.commands.leads import story
    from wiring.decisions import open_trail

    settings = load_settings()
    record = open_trail(settings).get(decision_id)
    if as_json:
        from jobs.decisions.audit_export import Namer

        put_json(Namer(settings).named(record))
        return
    put(story(record.answer))
    put_table(["shadow", "score"], list(record.shadow.items()))
    _put_arms(record)


def _put_arms(record: "DecisionRecord") -> None:
    """In which rollouts the account stood where, and what was decided unheard."""
    if record.assigned:
        put_table(
            ["rollout", "kind", "mode", "step", "weight", "holdout", "arm"],
            [
                [a.rollout, a.kind, a.mode, a.step + 1, f"{a.weight:g}", f"{a.holdout:g}", a.arm]
                for a in record.assigned
            ],
        )
    unheard = [(f"{label}, unheard", d) for label, d in record.shadow_decisions.items()]
    if record.override is not None:
        put(f"override {record.override.number} of its {record.override.of} changed the decision")
        own = record.override.instead_of
        unheard.append((f"{record.answer.versions.policy}, not overridden", own))
    if record.drawn is not None:
        put(f"the routing was drawn by {record.drawn.rollout}, one of {record.drawn.among}")
        unheard.append((f"{record.answer.versions.policy}, not drawn", record.drawn.instead_of))
    if unheard:
        put_table(
            ["policy", "action", "queue", "priority", "next"],
            [[name, d.action, d.queue, d.priority, d.next_best_action] for name, d in unheard],
        )


@audit.command("list")
def list_decisions(
    lead: Lead = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    version: Version = None,
    policy: Policy = None,
    grade: Grade = None,
    action: Action = None,
    rule: Rule = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Decisions of one page.")] = 20,
    after: Annotated[str | None, typer.Option(help="The cursor of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decisions, newest first, a page at a time."""
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.audit_export import Namer
    from wiring.decisions import open_trail

    quiet_libraries()
    settings = load_settings()
    query = _query(settings, lead, account, since, until, version, policy, grade, action, rule)
    page = open_trail(settings).search(query, limit, after)
    if as_json:
        namer = Namer(settings)
        rows = [{"sequence": e.sequence, **namer.named(e.record)} for e in page.entries]
        put_json({"decisions": rows, "next_cursor": page.cursor})
        return
    put_table(
        ["decision", "decided", "lead", "score", "grade", "action", "queue", "model", "policy"],
        [_line(entry.record) for entry in page.entries],
    )
    if page.cursor is not None:
        say(f"more: --after {page.cursor}")


@audit.command("export")
def export(
    out: OutFile,
    lead: Lead = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    version: Version = None,
    policy: Policy = None,
    grade: Grade = None,
    action: Action = None,
    rule: Rule = None,
) -> None:
    """Decisions, oldest first, into a file: .parquet, .csv or .jsonl by its name."""
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.audit_export import export as run

    quiet_libraries()
    settings = load_settings()
    query = _query(settings, lead, account, since, until, version, policy, grade, action, rule)
    with counting("decisions") as counter:
        count = run(settings, query, out, counter.add)
    put(f"{count:,} decisions in {out}")


def _query(
    settings: "Settings",
    lead: str | None,
    account: str | None,
    since: str | None,
    until: str | None,
    *columns: str | None,
) -> "DecisionQuery":
    """What the options ask for. Raises BadInput, UnknownLead."""
    from domain.decisions import DecisionQuery
    from domain.identifiers import accounts_named
    from leadscore.terminal.lookup import find, moment
    from wiring.signals import open_signals

    leads = None
    if lead is not None:
        leads = tuple({lead, find(open_signals(settings).directory, lead).lead_id})
    names = ("version", "policy", "grade", "action", "rule")
    return DecisionQuery(
        leads=leads,
        accounts=None if account is None else tuple(accounts_named(account)),
        since_us=None if since is None else moment(since, "--since"),
        until_us=None if until is None else moment(until, "--until"),
        **dict(zip(names, columns, strict=True)),
    )


def _line(record: "DecisionRecord") -> list[object]:
    answer, decision = record.answer, record.answer.decision
    return [
        answer.decision_id,
        iso(record.decided_us),
        answer.lead_id,
        answer.score,
        answer.grade,
        decision.action,
        decision.queue,
        answer.versions.model,
        answer.versions.policy,
    ]


@audit.command("replay")
def replay(decision_id: DecisionId, as_json: AsJson = False) -> None:
    """Make a decision again from its record; exit 1 where anything differs."""
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.replay_decision import replay as run

    quiet_libraries()
    differences = run(load_settings(), decision_id)
    if as_json:
        put_json({"decision_id": decision_id, "differences": differences})
    for line in [] if as_json else differences:
        put(line)
    if differences:
        raise Refused("the replay differs", rule="replay-equal", where=decision_id)
    if not as_json:
        put("the same answer")
