"""The chained journals beside trail, ledger and log: verified, and anchored as those are."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, Table, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from decisions.audit.assistant_journal import ENTRIES as CALLS
from decisions.audit.assistant_journal import JOURNAL as ASSISTANTS
from decisions.audit.assistant_journal import AssistantJournal
from decisions.overrides.journal import ENTRIES as OVERRIDE_ENTRIES
from decisions.overrides.journal import OVERRIDES, OverrideJournal
from domain.clock import SystemClock
from domain.errors import Unavailable
from domain.verification import Anchored, Head, Verified, cut_off
from storage.chained_journal import newest_link
from storage.engine import open_engine
from wiring.integrity.anchors import open_anchors
from workflow.outbox.journal import STORE as EFFECTS
from workflow.outbox.journal import EffectsJournal
from workflow.outbox.tables import JOURNAL as EFFECTS_JOURNAL
from workflow.store.journal import STORE as LEADS
from workflow.store.journal import verify as verify_leads
from workflow.store.tables import JOURNAL as LEADS_JOURNAL

EVERY = 1_000
"""What programs write is anchored every so many entries, what people write at once."""
_CLOCK = SystemClock()


class HomeJournal(NamedTuple):
    """A journal by the name of its store, its table, its database, and how it is verified."""

    store: str
    table: Table
    url_of: Callable[[Settings], str]
    verify: Callable[[Engine, Anchored], Verified]


JOURNALS = (
    HomeJournal(
        ASSISTANTS,
        CALLS,
        lambda settings: settings.audit_db,
        lambda engine, anchored: AssistantJournal(engine, _CLOCK).verify(anchored),
    ),
    HomeJournal(
        OVERRIDES,
        OVERRIDE_ENTRIES,
        lambda settings: settings.audit_db,
        lambda engine, anchored: OverrideJournal(engine, _CLOCK).verify(anchored),
    ),
    HomeJournal(
        EFFECTS,
        EFFECTS_JOURNAL,
        lambda settings: settings.workflow_db,
        lambda engine, anchored: EffectsJournal(engine, _CLOCK).verify(anchored),
    ),
    HomeJournal(LEADS, LEADS_JOURNAL, lambda settings: settings.workflow_db, verify_leads),
)


def verify_journal(settings: Settings, journal: HomeJournal, anchored: Anchored) -> Verified:
    """Read a journal whole: its chain, by itself and by its anchors. Raises Unavailable."""
    engine = engine_of(journal.url_of(settings), journal.table.name)
    if engine is None:
        return cut_off(journal.store, 0, anchored)
    try:
        return journal.verify(engine, anchored)
    finally:
        engine.dispose()


def journal_heads(settings: Settings) -> dict[str, Head]:
    """Where each journal ends that has entries; one that does not answer is left out."""
    heads: dict[str, Head] = {}
    for journal in JOURNALS:
        with suppress(Unavailable, SQLAlchemyError):
            head = _head(settings, journal)
            if head is not None and head.sequence:
                heads[journal.store] = head
    return heads


def note_journals(settings: Settings, why: str, every: int = 1) -> None:
    """Write an anchor of the journals that have so many entries more than were anchored."""
    anchors = open_anchors(settings)
    kept, heads = anchors.readable(), journal_heads(settings)
    grown = {
        store: head
        for store, head in heads.items()
        if head.sequence - kept.newest(store).sequence >= every
    }
    if grown:
        anchors.write(why, grown)


def engine_of(url: str, table: str) -> Engine | None:
    """An engine of a database that has a table; None where it has not: nothing is made."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return None
    engine = open_engine(url)
    if inspect(engine).has_table(table):
        return engine
    engine.dispose()
    return None


def _head(settings: Settings, journal: HomeJournal) -> Head | None:
    engine = engine_of(journal.url_of(settings), journal.table.name)
    if engine is None:
        return None
    try:
        with engine.connect() as connection:
            sequence, digest = newest_link(connection, journal.table)
        return Head(sequence=sequence, hash=digest)
    finally:
        engine.dispose()
