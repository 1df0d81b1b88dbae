"""Commands about policies: what is done about a score, as versions."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput, Refused
from leadscore.commands.policy_overrides import override
from leadscore.terminal.options import AsJson, By, Reason, group
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from decisions.policy.golden_rows import Difference
    from decisions.policy.graph_file import PolicyTerms
    from decisions.proof.examine import Examination
    from jobs.decisions.edit_policy import TableChange

policy = group("Policies: what is done about a score.")
policy.add_typer(override, name="override")
Label = Annotated[str, typer.Argument(metavar="VERSION", help="A registered one, as routing-3.")]
Source = Annotated[
    str, typer.Argument(help="A file, a registered version, or one that comes along.")
]
Changes = Annotated[
    int | None,
    typer.Option(min=0, help="On how many golden rows it decides unlike the champion, stated."),
]
Name = Annotated[str | None, typer.Option(help="Of a graph of the GoRules editor: its name.")]
Version = Annotated[
    str | None, typer.Option("--version", help="Of a graph: its author's note of a version.")
]
Thresholds = Annotated[
    str | None, typer.Option(help="Of a graph: the least probabilities of A,B,C, as 0.2,0.1,0.04.")
]
GRADES = ("A", "B", "C", "D")
SHOWN = 10


@policy.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """Registered policies, those that come along, and the one in force."""
    from config.settings import load_settings, quiet_libraries
    from decisions.policy.policy import load_policy
    from wiring.decisions import POLICIES, in_force
    from wiring.registry import open_policies

    quiet_libraries()
    settings = load_settings()
    label, path = in_force(settings)
    listed = [
        {"policy": v.label, "name": v.name, "stage": str(v.stage), "in_force": v.label == label}
        for v in (open_policies(settings).versions() if settings.home.is_dir() else ())
    ]
    listed += [
        {
            "policy": load_policy(p).label,
            "name": p.stem,
            "stage": "comes along",
            "in_force": p == path,
        }
        for p in sorted(POLICIES.glob("*.json"))
    ]
    if as_json:
        put_json(listed)
        return
    rows = [[h["policy"], h["stage"], "yes" if h["in_force"] else ""] for h in listed]
    put_table(["policy", "stage", "in force"], rows)


@policy.command("check")
def check(
    file: Source,
    cases: Annotated[
        Path | None,
        typer.Option(help="Test cases; else POLICY.cases.yaml beside the policy, if there is one."),
    ] = None,
    name: Name = None,
    version: Version = None,
    thresholds: Thresholds = None,
    grades: Annotated[
        str | None,
        typer.Option(help="The grades that leads have, as A,B,C; else all that a policy gives."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check and prove a policy; exit 1 where something is found, 3 where there is no such policy.

    Every lead that its tables tell apart is looked at: rules that never fire, overlaps, gaps, a
    higher score with a lower priority, consent, capacity of queues; each finding has a lead that
    proves it. Its test cases are run. It is held against the attributes and features of this home,
    and against the rules of the policy in force that it follows, or of the one of its name that
    comes along. A table that asks for a grade that no lead has is found.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.edit_policy import completed
    from wiring.policies import examined, policy_file

    quiet_libraries()
    settings, terms = load_settings(), _terms(name, version, thresholds)
    named = GRADES if grades is None else [one.strip() for one in grades.split(",")]
    with completed(policy_file(settings, file)[1], terms) as path:
        examination = examined(settings, path, named, cases)
    _put_examination(examination, file, as_json=as_json)


@policy.command("edit")
def edit(
    source: Source,
    to: Annotated[
        Path | None, typer.Option(help="Write its tables as .xlsx, or as .csv files, one a table.")
    ] = None,
    origin: Annotated[
        Path | None,
        typer.Option("--from", help="Read tables from .xlsx or .csv, or a graph of GoRules .json."),
    ] = None,
    table: Annotated[str | None, typer.Option(help="This table alone, in that very file.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --from: the policy's new file.")] = None,
    name: Name = None,
    version: Version = None,
    thresholds: Thresholds = None,
    as_json: AsJson = False,
) -> None:
    """A policy's tables to a spreadsheet (--to), or from one into a new file (--from, --out).

    What is read is checked as by `policy check`; exit 1 where something is found. The file is
    written all the same, so that it can be looked at; nothing is registered.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.edit_policy import changes, encoded, read_edit, write_sheets
    from storage.files import write_whole
    from wiring.policies import examined, policy_file

    quiet_libraries()
    settings = load_settings()
    path = policy_file(settings, source)[1]
    if (to is None) == (origin is None) or (origin is None) != (out is None):
        raise BadInput(
            "give --to FILE, or --from FILE with --out FILE",
            rule="policy-edit",
            where="policy edit",
        )
    if to is not None:
        written = [str(one) for one in write_sheets(path, to, table)]
        put_json(written) if as_json else put("\n".join(f"wrote {one}" for one in written))
    if origin is not None and out is not None:
        document = read_edit(path, origin, _terms(name, version, thresholds), table)
        write_whole(out, encoded(document))
        edits = changes(path, document)
        if not as_json:
            _put_changes(edits, out)
        _put_examination(examined(settings, out), str(out), as_json=as_json, changes=edits)


@policy.command("diff")
def diff(
    now: Source,
    against: Annotated[str | None, typer.Option(help="Else the policy in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Where a policy decides unlike another, on the golden rows of both; exit 1 where it does."""
    from config.settings import load_settings, quiet_libraries
    from wiring.policies import compare

    quiet_libraries()
    differences = compare(load_settings(), now, against)
    if as_json:
        put_json(differences)
    else:
        _put_differences(differences)
    if differences:
        raise Refused(f"{len(differences)} golden rows differ", rule="policies-alike", where=now)
    if not as_json:
        put("no golden row differs")


@policy.command("register")
def register(
    file: Annotated[str, typer.Argument(help="A policy file, or one that comes along.")],
    name: Name = None,
    file_version: Version = None,
    thresholds: Thresholds = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Register a policy as a candidate; the registry gives its number."""
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.edit_policy import completed
    from leadscore.commands.models import user
    from wiring.decisions import policy_path
    from wiring.policies import register as run

    quiet_libraries()
    with completed(policy_path(file), _terms(name, file_version, thresholds)) as path:
        version = run(load_settings(), path, by or user())
    if as_json:
        put_json({"label": version.label, "stage": version.stage})
        return
    put(f"registered {version.label}, stage {version.stage}")


@policy.command("promote")
def promote(
    version: Label,
    reason: Reason,
    stage: Annotated[str, typer.Option(help="challenger or champion.")] = "champion",
    changes: Changes = None,
    override: Annotated[bool, typer.Option(help="Promote though a gate refuses; marked.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Promote a registered policy, if its gates let it; scoring follows within a second."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import candidate
    from jobs.models.promote import promote as run
    from leadscore.commands.models import promoted, stage_of, user

    quiet_libraries()
    wanted, settings = stage_of(stage), load_settings()
    with promoted(as_json=as_json) as report:
        report(
            run(
                settings,
                candidate(settings, "policy", version),
                wanted,
                by=by or user(),
                reason=reason,
                override=override,
                changes=changes,
            )
        )


@policy.command("rollback")
def rollback(reason: Reason, by: By = "") -> None:
    """Put back the policy that was in force before: a version, or the one that comes along."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import rollback as run
    from leadscore.commands.models import user
    from wiring.decisions import open_policy

    quiet_libraries()
    settings = load_settings()
    version = run(settings, "policy", by=by or user(), reason=reason)
    if version is None:
        put(f"{open_policy(settings).label}, which comes with the product, is in force again")
    else:
        put(f"{version.label} is champion again")


def _terms(name: str | None, version: str | None, thresholds: str | None) -> "PolicyTerms":
    from decisions.policy.graph_file import PolicyTerms, thresholds_of

    least = None if thresholds is None else thresholds_of(thresholds)
    return PolicyTerms(name=name, version=version, thresholds=least)


def _put_examination(
    examination: "Examination",
    file: str,
    *,
    as_json: bool,
    changes: "Sequence[TableChange] | None" = None,
) -> None:
    """What was found, what could not be looked at, how many cases ran; Refused where anything."""
    findings = examination.findings
    for limit in examination.limits:
        say(f"not proven: {limit}")
    if as_json:
        put_json(findings if changes is None else {"changes": changes, "findings": findings})
    else:
        put_table(["rule", "where", "what"], [[f.rule, f.where, f.what] for f in findings])
    if findings:
        raise Refused(f"{len(findings)} findings", rule="policy-check", where=file)
    if not as_json:
        cases = examination.cases
        put("nothing found" + (f"; {cases} cases decided as expected" if cases else ""))


def _put_changes(changes: "Sequence[TableChange]", out: Path) -> None:
    for one in changes:
        kinds = {"added": one.added, "removed": one.removed, "changed": one.changed}
        words = [f"{kind} {', '.join(rules)}" for kind, rules in kinds.items() if rules]
        put(f"{one.table}: {'; '.join([*words, *['order changed'] * one.moved])}")
    put(f"wrote {out}" if changes else f"wrote {out}, with the same tables")


def _put_differences(differences: "Sequence[Difference]") -> None:
    kinds = Counter(
        (field, str(getattr(one.was, field)), str(getattr(one.now, field)))
        for one in differences
        for field in one.fields
    )
    rows = [[*kind, count] for kind, count in kinds.most_common()]
    put_table(["what", "was", "is", "golden rows"], rows[:SHOWN])
    if len(rows) > SHOWN:
        put(f"and {len(rows) - SHOWN} more kinds: see --json")
