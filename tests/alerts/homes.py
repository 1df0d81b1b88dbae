"""Homes for alarms: a definition, a ledger, recorded decisions; nothing is trained."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from config.settings import Settings
from decisions.audit.tables import create_tables
from decisions.audit.trail import AuditTrail
from domain.clock import FixedClock, SystemClock, from_us
from domain.decisions import DecisionRecord
from domain.definition import Family, FeatureDefinition
from registry.ledger import Ledger
from registry.ledger_entry import LedgerDraft, LedgerEntry
from registry.rollout_state import Rollout
from storage.engine import open_engine
from tests.monitoring.records import record
from wiring.signals import write_definition

DEFINITION = FeatureDefinition(
    service="small",
    version=1,
    families=(Family(name="visit", channel="web", types=("web.page_viewed",)),),
)
ROLLOUT = Rollout(
    id="rollout-1",
    champion="lead-1",
    challenger="lead-2",
    weight=0.1,
    started="2026-01-01T00:00:00Z",
)


def home(folder: Path, **more: str) -> Settings:
    """A home that has a definition and nothing else; however full the disk is, it is no alarm."""
    path = folder / "home"
    path.mkdir()
    settings = Settings(home=path, **more)  # type: ignore[arg-type]
    (path / "alerts.yaml").write_text("version: 1\nlimits: {disk_free_share: 0}\n")
    write_definition(settings.definition_file, DEFINITION)
    return settings


def noted(settings: Settings, *drafts: LedgerDraft, at_us: int | None = None) -> list[LedgerEntry]:
    """Entries of the home's ledger, made now or at a moment."""
    clock = SystemClock() if at_us is None else FixedClock(from_us(at_us))
    ledger = Ledger(open_engine(settings.ledger_db), clock)
    entries = [ledger.append(draft) for draft in drafts]
    ledger.close()
    return entries


def draft(kind: str, reason: str = "limit breached", **more: object) -> LedgerDraft:
    """An entry about the rollout."""
    values = {"subject": "lead-2", "by": "operate", "rollout": ROLLOUT, **more}
    return LedgerDraft(kind=kind, reason=reason, **values)  # type: ignore[arg-type]


def decided(settings: Settings, records: Sequence[DecisionRecord]) -> None:
    """Decisions in the home's audit trail."""
    engine = open_engine(settings.audit_db)
    create_tables(engine)
    AuditTrail(engine).append(records)
    engine.dispose()


def decision(
    number: int, *, ago_s: float = 60.0, degraded: bool = False, stale_s: float = 0.0, took_us: int
) -> DecisionRecord:
    """A decision of so many seconds ago."""
    at_us = round((datetime.now(UTC).timestamp() - ago_s) * 1e6)
    plain = record(f"lead_{number}", at_us, 0.1)
    answer = msgspec.structs.replace(plain.answer, degraded=degraded, staleness_s=stale_s)
    return msgspec.structs.replace(plain, answer=answer, took_us=took_us)
