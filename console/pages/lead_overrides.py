"""Overrides on a lead's page: those in force, set and withdrawn."""

from datetime import UTC, datetime
from typing import Any

from console.frame.formats import words
from console.frame.page import GoTo, Visit, written
from console.frame.parameters import Parameters
from decisions.overrides.journal import OverrideEntry
from domain.clock import DAY, from_us, to_us
from domain.decisions import MOST_OVERRIDE_DAYS, DecisionChange
from domain.errors import BadInput
from domain.ports import LeadRef
from jobs.decisions.overrides import overrides_about, set_override, withdraw
from wiring.clock import clock_of

SUBJECTS = ("lead", "account")
LONGEST_SERVICE_H = 10_000


def overrides_shown(visit: Visit, ref: LeadRef) -> dict[str, Any]:
    """What the page says of overrides: those in force, and the days on which one may end."""
    home = visit.home
    now_us = to_us(clock_of(home.settings, home.plane.directory).now())
    entries = overrides_about(home.settings, ref)
    return {
        "overrides": entries,
        "override_changes": {entry.sequence: _in_words(entry) for entry in entries},
        "first_end": f"{from_us(now_us + DAY):%Y-%m-%d}",
        "last_end": f"{from_us(now_us + MOST_OVERRIDE_DAYS * DAY):%Y-%m-%d}",
    }


def _in_words(entry: OverrideEntry) -> str:
    changes = entry.change.changes()
    return ", ".join(
        "not eligible" if name == "eligible" else f"{words(name)} {words(str(value))}"
        for name, value in changes.items()
    )


def override(visit: Visit) -> GoTo:
    """Decide the lead, or its account, otherwise until a day."""
    ref = visit.home.plane.directory.resolve(visit.path["lead"])
    of_account = visit.form.choice("of", SUBJECTS, "lead") == "account"
    if of_account and not ref.account_id:
        raise BadInput("no account of this lead is known", rule="override-subject", where="of")
    set_override(
        visit.home.settings,
        lead=None if of_account else ref.lead_id,
        account=ref.account_id if of_account else None,
        change=_change(visit.form),
        until_us=_end(visit.form.needed("until")),
        reason=visit.reason,
        by=visit.visitor.by,
        credential=visit.visitor.credential,
    )
    return GoTo(f"/leads/{ref.lead_id}", done="overridden")


def withdraw_override(visit: Visit) -> GoTo:
    """End an override of the lead, or of its account."""
    ref = visit.home.plane.directory.resolve(visit.path["lead"])
    number = visit.form.needed("number")
    if number not in {str(one.sequence) for one in overrides_about(visit.home.settings, ref)}:
        raise BadInput(
            "no override of that number is in force for this lead",
            rule="override-known",
            where="number",
            todo="Open the lead's page again.",
        )
    who = visit.visitor
    withdraw(
        visit.home.settings,
        int(number),
        reason=visit.reason,
        by=who.by,
        credential=who.credential,
    )
    return GoTo(f"/leads/{ref.lead_id}", done="override_withdrawn")


def _change(form: Parameters) -> DecisionChange:
    """What the form changes; fields that are left blank stay as the policy decides."""
    priority = form.optional("priority")
    service = form.optional("service_level_h")
    return DecisionChange(
        eligible=False if form.flag("not_eligible") else None,
        action=form.optional("action"),
        queue=form.optional("queue"),
        priority=int(form.choice("priority", tuple("12345"))) if priority else None,
        next_best_action=form.optional("next_best_action"),
        owner_pool=form.optional("owner_pool"),
        service_level_h=form.number("service_level_h", 0, LONGEST_SERVICE_H) if service else None,
    )


def _end(day: str) -> int:
    """The begin of a day, UTC. Raises BadInput."""
    try:
        return to_us(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        raise BadInput(
            "`until` is no day", rule="console-form", where="until", todo="Write it as 2026-03-01."
        ) from None


PAGES = (
    written("/leads/{lead}/override", override, "Leads"),
    written("/leads/{lead}/withdraw-override", withdraw_override, "Leads"),
)
