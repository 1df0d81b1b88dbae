"""Overrides of a home: their journal, and those in force as scoring follows them."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock

import msgspec

from config.settings import Settings
from decisions.overrides.in_force import NONE_IN_FORCE, OverridesInForce, in_force
from decisions.overrides.journal import OverrideEntry, OverrideJournal
from domain.clock import Clock, SystemClock, to_us
from domain.errors import LeadscoreError
from domain.ports import LeadDirectory
from storage.engine import open_engine

RESOLVE_EVERY_S = 60.0
"""How often leads with overrides are looked up again: one may have been merged into another."""
log = logging.getLogger(__name__)


def open_overrides(settings: Settings) -> OverrideJournal:
    """The journal, beside the audit trail; its table is made where missing. Raises Unavailable."""
    wait_s = settings.audit_wait_ms / 1000
    return OverrideJournal(open_engine(settings.audit_db, wait_s), SystemClock())


class FollowedOverrides:
    """The overrides in force, as of the newest entry of the journal. Safe to use from many threads.

    Where the journal does not answer, those that were known stay in force; each still ends by its
    expiry. The first look must succeed: without it nobody knows whom to leave alone.
    """

    def __init__(
        self,
        journal: Callable[[], OverrideJournal],
        directory: LeadDirectory,
        clock: Clock,
        interval_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        """The journal is looked at no more often than every `interval_s` seconds."""
        self._open, self._directory, self._clock = journal, directory, clock
        self._interval, self._monotonic = interval_s, monotonic
        self._journal: OverrideJournal | None = None
        self._newest, self._next, self._resolve = -1, 0.0, 0.0
        self._current: OverridesInForce | None = None
        self._looking = Lock()

    def current(self) -> OverridesInForce:
        """Those in force now. Raises Unavailable where the journal never answered."""
        if self._current is None:
            with self._looking:
                if self._current is None:
                    self._current = self._read()
        elif self._monotonic() >= self._next and self._looking.acquire(blocking=False):
            try:
                self._current = self._read()
            except LeadscoreError as bad:
                log.warning("overrides stay as they were: %s", bad)
                self._next = self._monotonic() + self._interval
            finally:
                self._looking.release()
        return self._current or NONE_IN_FORCE

    def _read(self) -> OverridesInForce:
        now = self._monotonic()
        journal = self._journal = self._journal or self._open()
        newest = journal.newest()
        self._next = now + self._interval
        if self._current is not None and newest == self._newest and now < self._resolve:
            return self._current
        entries = journal.in_force(to_us(self._clock.now()))
        current = in_force(self._canonical(entries))
        self._newest, self._resolve = newest, now + RESOLVE_EVERY_S
        return current

    def _canonical(self, entries: Sequence[OverrideEntry]) -> list[OverrideEntry]:
        """Entries by the ids that their leads have now."""
        leads = [entry.subjects[0] for entry in entries if entry.of == "lead"]
        known = self._directory.known(leads).leads if leads else ()
        ids = {old: ref.lead_id for old, ref in zip(leads, known, strict=True) if ref is not None}
        return [
            entry
            if entry.of == "account"
            else msgspec.structs.replace(
                entry, subjects=(ids.get(entry.subjects[0], entry.subjects[0]),)
            )
            for entry in entries
        ]


def follow_overrides(
    settings: Settings,
    directory: LeadDirectory,
    clock: Clock,
    interval_s: float,
    monotonic: Callable[[], float],
) -> Callable[[], OverridesInForce]:
    """What gives the overrides in force now.

    The first look is taken at once, so that answers go on where the journal goes away later; where
    it is away now, the first answer looks.
    """
    journal = partial(open_overrides, settings)
    followed = FollowedOverrides(journal, directory, clock, interval_s, monotonic)
    with suppress(LeadscoreError):
        followed.current()
    return followed.current
