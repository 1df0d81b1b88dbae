"""What served when: the ledger, told by entry, by day, and by lead."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.clock import iso
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, put_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobs.decisions.history import Then
    from registry.ledger_entry import LedgerEntry
    from registry.serving_history import ServingPeriod


def history(
    at: Annotated[str | None, typer.Option(help="A day, or a moment: who served then.")] = None,
    lead: Annotated[
        str | None, typer.Option(help="A lead, or kind:value: what scored it, on that day or ever.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who promoted, rolled back or overrode what, when, why; or what served at a time."""
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.history import then, window_of
    from leadscore.terminal.lookup import find
    from wiring.registry import open_registry
    from wiring.signals import open_signals

    quiet_libraries()
    settings = load_settings()
    if at is None and lead is None:
        _put_entries(open_registry(settings).ledger.entries(), as_json=as_json)
        return
    window = None if at is None else window_of(at)
    ref = None if lead is None else find(open_signals(settings).directory, lead)
    state = then(settings, window, ref)
    if as_json:
        put_json(state)
        return
    _put_then(state, asked_for_lead=lead is not None)


def _put_entries(entries: "Sequence[LedgerEntry]", *, as_json: bool) -> None:
    if as_json:
        put_json(entries)
        return
    put_table(
        ["entry", "at", "what", "version", "stage", "gates", "by", "reason"],
        [
            [
                e.sequence,
                iso(e.at_us)[:16],
                e.kind,
                e.subject,
                e.to_stage or (e.rollout.in_words if e.rollout else ""),
                _gates(e),
                f"{e.by} ({e.credential})" if e.credential else e.by,
                e.reason,
            ]
            for e in entries
        ],
    )


def _gates(entry: "LedgerEntry") -> str:
    if not entry.gates:
        return ""
    failed = [g.name for g in entry.gates if not g.passed]
    overruled = f", OVERRULED: {' '.join(failed)}" if entry.override else ""
    return f"{len(entry.gates) - len(failed)}/{len(entry.gates)}{overruled}"


def _put_then(state: "Then", *, asked_for_lead: bool) -> None:
    put_table(
        ["served", "from", "to", "champion", "challenger", "rollout"],
        [
            [name, *_stretch(one)]
            for name, entries in (("model", state.models), ("policy", state.policies))
            for one in entries
        ],
    )
    if state.deciding is not None:
        put()
        put("The clock of this home follows its events; promotions are dated by the machine's. By")
        put("the events' time these decided:")
        put_table(
            ["model", "arm", "policy", "decisions", "first", "last"],
            [
                [d.model, d.arm, d.policy, f"{d.decisions:,}", d.first[:19], d.last[:19]]
                for d in state.deciding
            ],
        )
    if not asked_for_lead:
        return
    put()
    put_table(
        ["decided", "model", "arm", "policy", "score", "grade", "decision"],
        [
            [d.decided[:19], d.model, d.arm, d.policy, d.score, d.grade, d.decision_id]
            for d in state.decisions
        ],
    )


def _stretch(one: "ServingPeriod") -> list[str]:
    plan = one.rollout
    return [
        iso(one.since_us)[:19],
        "now" if one.until_us is None else iso(one.until_us)[:19],
        one.champion or "-",
        one.challenger or "-",
        f"{plan.id}: {plan.in_words}" if plan else "-",
    ]
