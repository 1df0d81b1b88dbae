"""Commands about effects: what waits for its receivers, dead letters, delivery."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.clock import iso
from domain.errors import BadInput, Refused
from leadscore.terminal.options import AsJson, By, Reason, group
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from workflow.outbox.effect_desk import EffectDesk

effects = group("Effects: what is to be done outside, delivered once.")
Keys = Annotated[
    list[str] | None, typer.Argument(metavar="KEY...", help="As `effects list` has them.")
]
EveryDead = Annotated[
    bool, typer.Option("--all", help="All dead letters, of --connector if given.")
]
Connector = Annotated[str | None, typer.Option(help="Of one connector.")]
STATES = ("waiting", "delivered", "dead", "dropped")


def _desk() -> "EffectDesk":
    from config.settings import load_settings
    from domain.clock import SystemClock
    from wiring.workflow import open_workflow
    from workflow.outbox.effect_desk import EffectDesk

    return EffectDesk(open_workflow(load_settings()), SystemClock())


def _note() -> None:
    """Anchor what a person did: the journal's end alone proves nothing of it."""
    from config.settings import load_settings
    from wiring.integrity.journals import note_journals

    note_journals(load_settings(), "effects")


@effects.command("list")
def list_effects(
    state: Annotated[str | None, typer.Option(help="waiting, delivered, dead or dropped.")] = None,
    connector: Connector = None,
    lead: Annotated[str | None, typer.Option(help="Of one lead, by its id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Effects before this number.")] = None,
    as_json: AsJson = False,
) -> None:
    """Effects, the newest first: where each stands, and why it failed last."""
    wanted = next((one for one in STATES if one == state), None)
    if state is not None and wanted is None:
        raise BadInput(
            "there is no such state",
            rule="effect-state",
            where="--state",
            todo=f"One of {', '.join(STATES)}.",
        )
    rows = _desk().rows(
        limit,
        state=wanted,  # type: ignore[arg-type]
        connector=connector,
        lead_id=lead,
        before=before,
    )
    if as_json:
        put_json(rows)
        return
    put_table(
        ["number", "key", "connector", "action", "lead", "state", "failures", "next", "why"],
        [
            [
                row.sequence,
                row.key,
                row.connector,
                row.action,
                row.lead_id,
                "under way" if row.leased else row.state,
                row.failures,
                iso(row.due_us)[:19] if row.due_us else "",
                f"{row.cause} [{row.rule}]" if row.rule else "",
            ]
            for row in rows
        ],
    )


@effects.command("show")
def show(key: Annotated[str, typer.Argument(help="As `effects list` has it.")]) -> None:
    """One effect, whole, with what was done about it, as JSON."""
    desk = _desk()
    effect = desk.effect(key)
    put_json({"effect": effect, "journal": desk.journal.entries(100, subject=key)})


@effects.command("retry")
def retry(
    reason: Reason,
    keys: Keys = None,
    every: EveryDead = False,
    connector: Connector = None,
    out_of_order: Annotated[
        bool, typer.Option(help="Though its receiver has a later effect of the same lead.")
    ] = False,
    by: By = "",
) -> None:
    """Let dead letters wait for delivery again; it stands in the journal of effects."""
    from leadscore.commands.models import user

    desk = _desk()
    chosen = _chosen(desk, keys, connector, every=every)
    desk.retry(chosen, by=by or user(), reason=reason, out_of_order=out_of_order)
    _note()
    put(f"{len(chosen)} wait for delivery again")


@effects.command("drop")
def drop(
    reason: Reason,
    keys: Keys = None,
    every: EveryDead = False,
    connector: Connector = None,
    by: By = "",
) -> None:
    """Give up effects that wait or are dead; it stands in the journal of effects."""
    from leadscore.commands.models import user

    desk = _desk()
    chosen = _chosen(desk, keys, connector, every=every)
    desk.drop(chosen, by=by or user(), reason=reason)
    _note()
    put(f"{len(chosen)} dropped")


@effects.command("deliver")
def deliver(
    seconds: Annotated[float, typer.Option(min=0.1, max=86_400, help="So long at most.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Deliver what is due now, then end; exit 1 where one became a dead letter.

    `leadscore operate` does the same by itself. As many at once as you like.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.effects.delivery import open_deliverer

    quiet_libraries()
    deliveries = open_deliverer(load_settings()).deliver(seconds)
    if as_json:
        put_json(deliveries)
    else:
        put_table(
            ["connector", "delivered", "postponed", "dead", "note"],
            [[d.connector, d.delivered, d.postponed, d.dead, d.reason] for d in deliveries],
        )
    if dead := sum(one.dead for one in deliveries):
        raise Refused(
            f"{dead} became dead letters",
            rule="effect-delivered",
            todo="`leadscore effects list --state dead` says why.",
        )


@effects.command("connectors")
def connectors(as_json: AsJson = False) -> None:
    """The connectors of this home, and how many effects of each stand where."""
    from config.settings import load_settings
    from jobs.effects.connector_status import connector_status

    rows = connector_status(load_settings())
    if as_json:
        put_json(rows)
        return
    put_table(
        ["connector", "kind", "waiting", "dead", "delivered", "left alone until", "why"],
        [
            [
                row.connector,
                row.kind,
                row.waiting,
                row.dead,
                row.delivered,
                iso(row.not_before_us)[:19] if row.not_before_us else "",
                row.reason,
            ]
            for row in rows
        ],
    )
    if not rows:
        say("connectors.yaml of the home names none: docs/effects.md says how")


def _chosen(
    desk: "EffectDesk", keys: list[str] | None, connector: str | None, *, every: bool
) -> list[str]:
    if bool(keys) == every:
        raise BadInput(
            "which effects is not clear",
            rule="effects-named",
            where="KEY",
            todo="Name keys, or give --all for all dead letters.",
        )
    return list(keys) if keys else desk.dead_keys(connector)
