"""The journal of assistants in the database of a home's audit trail."""

from config.settings import Settings
from decisions.audit.assistant_journal import AssistantJournal
from domain.clock import SystemClock
from storage.engine import open_engine


def open_journal(settings: Settings) -> AssistantJournal:
    """The journal; its table is made where it is missing. Raises Unavailable."""
    wait_s = settings.audit_wait_ms / 1000
    return AssistantJournal(open_engine(settings.audit_db, wait_s), SystemClock())
