"""Commands that override the policy for one lead or one account, for a time."""

from datetime import datetime
from typing import Annotated

import typer

from leadscore.terminal.options import AsJson, By, group
from leadscore.terminal.output import put, put_json, put_table

override = group("Overrides of the policy for single leads or accounts, until a moment.")
Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded with the decisions.")]
Number = Annotated[int, typer.Argument(min=1, help="The number of the override.")]


@override.command("set")
def set_override(
    until: Annotated[str, typer.Option(help="When it ends: a day, or 2026-03-01T12:00:00Z.")],
    reason: Why,
    lead: Annotated[str | None, typer.Option(help="A lead's id, or kind:value.")] = None,
    account: Annotated[str | None, typer.Option(help="An account's id, or its domain.")] = None,
    not_eligible: Annotated[bool, typer.Option(help="May not be marketed to.")] = False,
    action: Annotated[str | None, typer.Option(help="The action.")] = None,
    queue: Annotated[str | None, typer.Option(help="The queue.")] = None,
    priority: Annotated[int | None, typer.Option(min=1, max=5, help="1 is first.")] = None,
    next_best_action: Annotated[str | None, typer.Option(help="The next step.")] = None,
    owner_pool: Annotated[str | None, typer.Option(help="Of whom one becomes its owner.")] = None,
    service_level_h: Annotated[
        float | None, typer.Option(help="Working hours within which the next step is due.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Decide this lead or account otherwise; what is not given stays as the policy decides.

    Whom the policy finds not eligible stays so. Scoring follows within a second, in every arm; each
    decision records the override, and replays with it.
    """
    from config.os_account import os_account
    from config.settings import load_settings, quiet_libraries
    from domain.decisions import DecisionChange
    from jobs.decisions.overrides import set_override as run
    from leadscore.commands.models import user

    quiet_libraries()
    change = DecisionChange(
        eligible=False if not_eligible else None,
        action=action,
        queue=queue,
        priority=priority,
        next_best_action=next_best_action,
        owner_pool=owner_pool,
        service_level_h=service_level_h,
    )
    entry = run(
        load_settings(),
        lead=lead,
        account=account,
        change=change,
        until_us=_moment(until),
        reason=reason,
        by=by or user(),
        credential=os_account(),
    )
    if as_json:
        put_json(entry)
        return
    put(f"override {entry.sequence} of the {entry.of} is in force")


@override.command("list")
def list_overrides(as_json: AsJson = False) -> None:
    """The overrides in force, the oldest first."""
    from config.settings import load_settings, quiet_libraries
    from domain.clock import iso
    from jobs.decisions.overrides import overrides_now

    quiet_libraries()
    entries = overrides_now(load_settings())
    if as_json:
        put_json(entries)
        return
    rows = [
        [
            e.sequence,
            e.subjects[0],
            _words(e.change.changes()),
            iso(e.until_us)[:16],
            e.by,
            e.reason,
        ]
        for e in entries
    ]
    put_table(["number", "of", "changes", "until", "by", "why"], rows)


@override.command("withdraw")
def withdraw(number: Number, reason: Why, by: By = "") -> None:
    """End an override now: the policy decides again."""
    from config.os_account import os_account
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.overrides import withdraw as run
    from leadscore.commands.models import user

    quiet_libraries()
    run(load_settings(), number, reason=reason, by=by or user(), credential=os_account())
    put(f"override {number} is withdrawn")


def _words(changes: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes.items())


def _moment(text: str) -> int:
    """A moment, or the begin of a day, UTC. Raises BadInput."""
    from leadscore.terminal.lookup import moment

    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 (a day alone has no zone)
    except ValueError:
        return moment(text, "--until")
    return moment(f"{day:%Y-%m-%d}T00:00:00Z", "--until")
