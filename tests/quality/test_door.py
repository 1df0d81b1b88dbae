"""The gates together, as ingestion calls them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from domain.clock import to_us
from domain.errors import Refused
from domain.findings import QualityFinding, QualityFindings
from domain.signals import Signal, encode
from signals.contracts.registry import standard_contracts
from signals.quality.batch_gate import BatchGate
from signals.quality.event_gate import EventGate
from signals.quality.ingest_gates import IngestGates, whence
from signals.quality.rules import BatchRules, EventRules
from signals.quality.statistics import fields_of
from signals.quality.tables import all_profiles, stored_findings
from signals.store.quarantine import Rejected
from signals.store.tables import metadata, writing
from storage.engine import open_engine
from telemetry.quality_metrics import METRIC, metric
from wiring.quality import Quality

START = datetime(2025, 1, 1, tzinfo=UTC)
RULES = BatchRules(null_rate="stop", warm_up_batches=3)
FIELDS = fields_of(standard_contracts().values())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'signals.db'}")
    metadata.create_all(made)
    yield made
    made.dispose()


def signals(day: int, page: str = "pricing") -> list[Signal]:
    return [
        Signal(
            id=f"{day}-{i}",
            source="web",
            type="web.page_viewed",
            time=START + timedelta(days=day, minutes=i),
            data={"page": page},
        )
        for i in range(100)
    ]


def deliver(
    engine: Engine, door: IngestGates, batch: list[Signal], refused: list[Rejected]
) -> QualityFindings:
    """As ingestion does it."""
    found = QualityFindings()
    now_us = to_us(batch[0].time - timedelta(minutes=10))
    for signal in batch:
        door.check(signal, signal.time_us(), None, now_us, found)
    newest = max(signal.time_us() for signal in batch)
    try:
        with engine.connect() as connection:
            writing(connection)
            door.admit(connection, door.observe(batch), refused, newest, found, whole=True)
            connection.commit()
        door.committed(found)
    except Refused:
        with engine.connect() as connection:
            writing(connection)
            door.stopped(connection, found)
            connection.commit()
        raise
    return found


def stored(engine: Engine) -> dict[QualityFinding, int]:
    with engine.connect() as connection:
        return stored_findings(connection)


def test_findings_are_kept_with_the_batch_and_with_a_refused_one(engine: Engine) -> None:
    door = IngestGates(EventGate(EventRules(future_s=10**7)), BatchGate(RULES), FIELDS)
    ahead = QualityFinding("event", "clock-ahead", "web/web.page_viewed")
    for day in range(3):
        deliver(engine, door, signals(day), [])
        assert stored(engine) == door.findings.counts() == {ahead: 100 * (day + 1)}
    with engine.connect() as connection:
        before = all_profiles(connection)
    with pytest.raises(Refused, match="null-rate"):
        deliver(engine, door, signals(3, page=""), [])
    expected = {ahead: 400, QualityFinding("batch", "null-rate", "web/web.page_viewed/page"): 1}
    assert stored(engine) == door.findings.counts() == expected
    with engine.connect() as connection:
        assert all_profiles(connection) == before


def test_documents_that_were_refused_count_for_their_source(engine: Engine) -> None:
    door = Quality().door(standard_contracts().values())
    (one,) = signals(0)[:1]
    bodies = [encode(one)] * 60 + [b"{"] * 70
    refused = [
        Rejected(rule="broken", detail="", origin="f", line=i, body=body)
        for i, body in enumerate(bodies)
    ]
    found = deliver(engine, door, signals(0), refused)
    assert {f: n for f, n in found.counts().items() if f.gate == "contract"} == {
        QualityFinding("contract", "broken", "web/web.page_viewed"): 60,
        QualityFinding("contract", "broken", "/"): 70,
    }
    with engine.connect() as connection:
        held = all_profiles(connection)
    assert set(held) == {"web/web.page_viewed", "/"}
    assert held["web/web.page_viewed"].volume.median_count() == pytest.approx(160, rel=0.01)
    assert held["/"].refused.median_share() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b'{"source": "web", "type": "x.y", "time": 3}', ("web", "x.y")),
        (b'{"source": "web"}', ("web", "")),
        (b'{"source": 3, "type": "x.y"}', ("", "")),
        (b"[1]", ("", "")),
        (b"\xff", ("", "")),
        (b"[" * 100_000, ("", "")),
    ],
)
def test_whence_a_document_is_is_read_where_it_can_be(
    document: bytes, told: tuple[str, str]
) -> None:
    assert whence(document) == told


def test_counts_are_a_metric_family() -> None:
    family = metric({QualityFinding("event", "very-late", "crm/x.y"): 4})
    (sample,) = family.samples
    assert (sample.name, sample.value) == (f"{METRIC}_total", 4)
    assert sample.labels == {"gate": "event", "rule": "very-late", "about": "crm/x.y"}
