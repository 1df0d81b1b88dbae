"""The ledger: order, chain, triggers, many processes, and the other database's SQL."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.versions.manifest import ModelVersion, Stage
from registry.ledger import Ledger
from registry.ledger_entry import GateResult, LedgerDraft, Registration
from registry.ledger_table import LEDGER
from registry.rollout_state import Rollout


def registered(label: str = "lead-1") -> LedgerDraft:
    name, _, number = label.rpartition("-")
    version = ModelVersion(
        name=name,
        version=int(number),
        stage=Stage.CANDIDATE,
        created="2026-01-01T00:00:00Z",
        metrics={},
        feature_service="small_v1",
    )
    registration = Registration(version=version, manifest_hash="0" * 64, run_id="r")
    return LedgerDraft(
        kind="registered", subject=label, by="ann", reason="new", registration=registration
    )


def promoted(label: str, stage: Stage = Stage.CHAMPION) -> LedgerDraft:
    return LedgerDraft(
        kind="promoted",
        subject=label,
        by="ann",
        reason="better: 5 % – naïve",
        from_stage=Stage.CANDIDATE,
        to_stage=stage,
        gates=(GateResult(name="g", value=0.1 + 0.2, limit=None, passed=False, note="n"),),
        rules="gates_v1-x",
        override=True,
    )


def tamper(path: Path, statement: str) -> None:
    """As someone would who has the file and knows SQLite."""
    with sqlite3.connect(path) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall()
        for (name,) in names:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)


def test_entries_come_back_as_they_went_in(ledger_at: Callable[..., Ledger]) -> None:
    plan = Rollout(id="r", champion="a-1", challenger="a-2", weight=0.25, started="2026")
    start = LedgerDraft(kind="rollout_started", subject="a-2", by="b", reason="c", rollout=plan)
    drafts = [registered(), promoted("lead-1"), start]
    made = [ledger_at().append(draft) for draft in drafts]
    assert ledger_at().entries() == made
    assert [entry.sequence for entry in made] == [1, 2, 3]
    for draft, entry in zip(drafts, made, strict=True):
        assert all(getattr(entry, f) == getattr(draft, f) for f in draft.__struct_fields__)
    assert ledger_at().history("a-2") == made[2:]
    assert ledger_at().verify() is None


def test_a_clock_set_back_does_not_reorder_time(
    ledger_at: Callable[..., Ledger], clock: FixedClock
) -> None:
    ledger = ledger_at()
    first = ledger.append(registered())
    clock.moment -= timedelta(days=1)
    assert ledger.append(promoted("lead-1")).at_us == first.at_us


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE promotion_ledger SET reason='other' WHERE sequence=1",
        "DELETE FROM promotion_ledger",
        "INSERT OR REPLACE INTO promotion_ledger SELECT * FROM promotion_ledger LIMIT 1",
    ],
)
def test_the_database_refuses_changes(
    ledger_at: Callable[..., Ledger], tmp_path: Path, statement: str
) -> None:
    ledger = ledger_at()
    ledger.append(registered())
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    assert len(ledger.entries()) == 1


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE promotion_ledger SET reason='other' WHERE sequence=2", 2),
        ("UPDATE promotion_ledger SET overruled=0 WHERE sequence=2", 2),
        ("UPDATE promotion_ledger SET at_us=at_us-1 WHERE sequence=1", 1),
        ("UPDATE promotion_ledger SET gates='[]' WHERE sequence=3", 3),
        ("DELETE FROM promotion_ledger WHERE sequence=1", 1),
        ("DELETE FROM promotion_ledger WHERE sequence=2", 2),
        ("UPDATE promotion_ledger SET sequence=9 WHERE sequence=3", 3),
    ],
)
def test_tampering_is_found(
    ledger_at: Callable[..., Ledger], tmp_path: Path, statement: str, broken: int
) -> None:
    for draft in (registered(), promoted("lead-1"), promoted("lead-1", Stage.CHALLENGER)):
        ledger_at().append(draft)
    tamper(tmp_path / "ledger.db", statement)
    assert ledger_at().verify() == broken


def test_many_processes_append_one_chain(
    ledger_at: Callable[..., Ledger], forked: Callable[..., list[int | None]]
) -> None:
    def append() -> None:
        ledger = ledger_at()
        for _ in range(25):
            ledger.append(promoted("lead-1"))

    assert forked(*[append] * 4) == [0] * 4
    ledger = ledger_at()
    assert [entry.sequence for entry in ledger.entries()] == list(range(1, 101))
    assert ledger.verify() is None


def test_all_appends_of_a_change_or_none(ledger_at: Callable[..., Ledger]) -> None:
    ledger = ledger_at()

    def change() -> None:
        with ledger.exclusive() as writer:
            writer.append(registered())
            assert len(writer.entries()) == 1
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert ledger.entries() == []


def test_an_engine_that_begins_by_itself_will_do(tmp_path: Path, clock: FixedClock) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/own.db")
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    ledger = Ledger(engine, clock)
    ledger.append(registered())
    assert ledger.verify() is None


def test_a_database_that_is_gone_is_unavailable(tmp_path: Path, clock: FixedClock) -> None:
    with pytest.raises(Unavailable, match="ledger-available"):
        Ledger(create_engine(f"sqlite:///{tmp_path}/no/folder/ledger.db"), clock)


def test_the_table_is_sound_on_postgresql() -> None:
    # the statements only: a server is not at hand where these tests run
    statement = str(CreateTable(LEDGER).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "at_us BIGINT NOT NULL" in statement
    assert "overruled BOOLEAN NOT NULL" in statement
