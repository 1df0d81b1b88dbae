"""Changes of the signal plane that stand in the ledger, under the name of who makes them.

The ledger is locked for as long as a change takes: an entry says what was done, and nothing that
was not. A process that dies in between has made neither, or the change without its entry; the
signal plane itself keeps the reason of a split.
"""

from collections.abc import Collection
from dataclasses import dataclass

from config.settings import Settings
from domain.clock import SystemClock, to_us
from domain.ports import LeadRef
from domain.signals import Counts
from registry.ledger import Ledger
from registry.ledger_entry import LedgerDraft
from registry.transitions import Author
from signals.ingest.split_lead import separate
from storage.engine import open_engine
from wiring.registry import ANSWER_WAIT_S
from wiring.signals import SignalPlane


@dataclass(frozen=True, slots=True)
class SignalChange:
    """Who changes something, and why. Raises BadInput where either is blank."""

    by: str
    reason: str
    credential: str

    def __post_init__(self) -> None:
        Author(self.by, self.reason, self.credential)


def record_split(
    settings: Settings, plane: SignalPlane, lead: LeadRef, keys: Collection[str], why: SignalChange
) -> list[str]:
    """Set identifiers, by their keys, of a lead apart from its others; the leads they are now.

    Raises BadInput where one is not the lead's, or none would stay; Unavailable.
    """
    with _ledger(settings, why).exclusive() as writer:
        leads = separate(plane.writer, lead, keys, why.reason, to_us(SystemClock().now()))
        writer.append(
            LedgerDraft(kind="lead_split", subject=lead.lead_id, by=why.by, reason=why.reason)
        )
    plane.ingest.push()
    return leads


def record_replay(settings: Settings, plane: SignalPlane, why: SignalChange) -> Counts:
    """Try everything in quarantine again. Raises Unavailable."""
    with _ledger(settings, why).exclusive() as writer:
        counts = plane.ingest.replay_quarantine()
        writer.append(
            LedgerDraft(
                kind="quarantine_replayed", subject="quarantine", by=why.by, reason=why.reason
            )
        )
    return counts


def _ledger(settings: Settings, why: SignalChange) -> Ledger:
    engine = open_engine(settings.ledger_db, ANSWER_WAIT_S)
    return Ledger(engine, SystemClock(), why.credential, wait_s=ANSWER_WAIT_S)
