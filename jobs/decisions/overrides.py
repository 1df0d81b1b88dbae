"""Overrides of single leads and accounts: set, listed, withdrawn."""

from collections.abc import Sequence

import msgspec

from config.settings import Settings
from decisions.overrides.journal import OverrideDraft, OverrideEntry, OverrideJournal
from domain.clock import DAY, to_us
from domain.decisions import MOST_OVERRIDE_DAYS, DecisionChange
from domain.errors import BadInput
from domain.identifiers import accounts_named
from domain.ports import LeadRef
from domain.redaction import redacted
from jobs.leads.lead_lookup import find
from wiring.clock import clock_of
from wiring.integrity.journals import note_journals
from wiring.overrides import open_overrides
from wiring.signals import open_signals

LONGEST_REASON = 300


def set_override(
    settings: Settings,
    *,
    lead: str | None,
    account: str | None,
    change: DecisionChange,
    until_us: int,
    reason: str,
    by: str,
    credential: str,
) -> OverrideEntry:
    """Override the policy for a lead, by id or kind:value, or for an account, by id or domain.

    `by` is its author's name, `credential` what the author is known by.
    Raises BadInput, UnknownLead; Refused where one is in force already.
    """
    if (lead is None) == (account is None):
        raise BadInput("give --lead or --account", rule="override-subject")
    _check_values(change)
    if not change.changes():
        raise BadInput(
            "the override changes nothing",
            rule="override-change",
            todo="Give what it changes, as --queue NAME or --not-eligible.",
        )
    plane = open_signals(settings)
    now_us = to_us(clock_of(settings, plane.directory).now())
    _check_until(until_us, now_us)
    subjects: Sequence[str]
    if lead is not None:
        subjects = [find(plane.directory, lead).lead_id]
    else:
        subjects = sorted(accounts_named(account or ""))
    draft = OverrideDraft(
        of="account" if lead is None else "lead",
        subjects=tuple(subjects),
        change=change,
        from_us=now_us,
        until_us=until_us,
        reason=_impersonal(reason),
        by=by,
        credential=credential,
    )
    return _recorded(settings, open_overrides(settings), draft)


def overrides_now(settings: Settings) -> list[OverrideEntry]:
    """The overrides in force, the oldest first."""
    plane = open_signals(settings)
    return open_overrides(settings).in_force(to_us(clock_of(settings, plane.directory).now()))


def overrides_about(settings: Settings, ref: LeadRef) -> list[OverrideEntry]:
    """The overrides in force for a lead: its own first, which counts, then its account's."""
    directory = open_signals(settings).directory
    entries = overrides_now(settings)
    ids = [entry.subjects[0] for entry in entries if entry.of == "lead"]
    known = directory.known(ids).leads if ids else ()
    now = {old: one.lead_id for old, one in zip(ids, known, strict=True) if one is not None}
    own = [
        entry
        for entry in entries
        if entry.of == "lead" and now.get(entry.subjects[0], "") == ref.lead_id
    ]
    return [*own, *(e for e in entries if e.of == "account" and ref.account_id in e.subjects)]


def withdraw(
    settings: Settings, number: int, *, reason: str, by: str, credential: str
) -> OverrideEntry:
    """End an override. Raises Missing; Refused where it is withdrawn; BadInput."""
    journal = open_overrides(settings)
    entry = journal.entry(number)
    if entry.withdraws is not None:
        raise BadInput(
            f"entry {number} withdraws an override and is none",
            rule="override-known",
            todo="`leadscore policy override list` shows those in force.",
        )
    draft = OverrideDraft(
        of=entry.of,
        from_us=to_us(clock_of(settings, open_signals(settings).directory).now()),
        withdraws=number,
        reason=_impersonal(reason),
        by=by,
        credential=credential,
    )
    return _recorded(settings, journal, draft)


def _recorded(settings: Settings, journal: OverrideJournal, draft: OverrideDraft) -> OverrideEntry:
    entry = journal.append(draft)
    note_journals(settings, "override")
    return entry


def _check_values(change: DecisionChange) -> None:
    try:
        msgspec.convert(change.changes(), DecisionChange)
    except msgspec.ValidationError as bad:
        raise BadInput(str(bad), rule="override-change") from bad


def _check_until(until_us: int, now_us: int) -> None:
    if not now_us < until_us <= now_us + MOST_OVERRIDE_DAYS * DAY:
        raise BadInput(
            f"an override ends after now, and within {MOST_OVERRIDE_DAYS} days",
            rule="override-until",
            where="--until",
            todo="What is meant to stay is a rule of the policy.",
        )


def _impersonal(reason: str) -> str:
    """The reason. Raises BadInput where it may hold an address: it is recorded with decisions."""
    if redacted(reason) != reason or len(reason) > LONGEST_REASON or not reason.strip():
        raise BadInput(
            f"the reason is empty, longer than {LONGEST_REASON} characters, or holds what may be "
            "an e-mail address or a telephone number",
            rule="override-reason",
            where="--reason",
        )
    return reason.strip()
