"""The contract of the promotion ledger, on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread

import pytest
import sqlalchemy as sa

from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.versions.manifest import ModelVersion, Stage
from registry.ledger import Ledger
from registry.ledger_entry import GateResult, LedgerDraft, Registration
from registry.ledger_table import LEDGER
from registry.rollout_state import Rollout
from storage.engine import open_engine
from tests.ports.databases import both_databases

pytestmark = both_databases
Engines = Callable[[], sa.Engine]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(BEGIN)


@pytest.fixture
def ledger(engines: Engines, clock: FixedClock) -> Ledger:
    return Ledger(engines(), clock)


def registered(number: int) -> LedgerDraft:
    version = ModelVersion(
        name="lead",
        version=number,
        stage=Stage.CANDIDATE,
        created="2026-01-01T00:00:00Z",
        metrics={},
        feature_service="small_v1",
    )
    registration = Registration(version=version, manifest_hash="0" * 64, run_id="r")
    return LedgerDraft(
        kind="registered",
        subject=f"lead-{number}",
        by="ann",
        reason="new: 5 % – naïve",
        registration=registration,
    )


def promoted(number: int) -> LedgerDraft:
    return LedgerDraft(
        kind="promoted",
        subject=f"lead-{number}",
        by="ann",
        reason="better",
        from_stage=Stage.CANDIDATE,
        to_stage=Stage.CHAMPION,
        gates=(GateResult(name="g", value=0.1 + 0.2, limit=None, passed=False, note="n"),),
        rules="gates_v1-x",
        override=True,
    )


def test_entries_come_back_as_they_went_in(
    ledger: Ledger, engines: Engines, clock: FixedClock
) -> None:
    plan = Rollout(id="r", champion="a-1", challenger="a-2", weight=0.25, started="2026")
    start = LedgerDraft(kind="rollout_started", subject="a-2", by="b", reason="c", rollout=plan)
    made = [ledger.append(draft) for draft in (registered(1), promoted(1), start)]
    again = Ledger(engines(), clock)
    assert again.entries() == made
    assert [entry.sequence for entry in made] == [1, 2, 3]
    assert again.history("a-2") == made[2:]
    assert again.verify() is None


def test_an_exclusive_writer_keeps_others_out_and_commits_all_or_none(
    ledger: Ledger, engines: Engines, clock: FixedClock
) -> None:
    other = Ledger(engines(), clock)
    waiting = Thread(target=lambda: other.append(registered(9)))

    def fail() -> None:
        with ledger.exclusive() as writer:
            writer.append(registered(1))
            waiting.start()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    waiting.join(20)
    assert [e.subject for e in ledger.entries()] == ["lead-9"]
    with ledger.exclusive() as writer:
        writer.append(registered(1))
        writer.append(promoted(1))
        assert len(writer.entries()) == 3
    assert [e.sequence for e in other.entries()] == [1, 2, 3]
    assert other.verify() is None


def test_many_writers_make_one_chain(engines: Engines, clock: FixedClock) -> None:
    def write(first: int) -> None:
        own = Ledger(engines(), clock)  # each makes the table, or finds it made
        for number in range(first, first + 8):
            own.append(registered(number))

    writers = [Thread(target=write, args=(100 * n,)) for n in range(1, 5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ledger = Ledger(engines(), clock)
    assert [e.sequence for e in ledger.entries()] == list(range(1, 33))
    assert ledger.verify() is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE promotion_ledger SET reason = 'x'", "DELETE FROM promotion_ledger"],
)
def test_the_ledger_refuses_to_be_changed(ledger: Ledger, engines: Engines, statement: str) -> None:
    ledger.append(registered(1))
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engines().begin() as connection:
        connection.exec_driver_sql(statement)
    assert ledger.verify() is None
    assert len(ledger.entries()) == 1


def test_away_is_unavailable(engines: Engines, clock: FixedClock) -> None:
    if engines().dialect.name == "sqlite":
        pytest.skip("a file is never away")
    with pytest.raises(Unavailable) as raised:
        Ledger(open_engine("postgresql+psycopg://nobody:secret@127.0.0.1:1/none"), clock)
    assert "secret" not in str(raised.value)


def test_what_is_known_follows_what_others_append(
    ledger: Ledger, engines: Engines, clock: FixedClock
) -> None:
    made = [ledger.append(registered(1))]
    other = Ledger(engines(), clock)
    assert ledger.entries() == other.entries() == made
    made += [other.append(draft) for draft in (promoted(1), registered(2))]
    assert ledger.entries() == other.entries() == made


def test_what_was_rolled_back_is_forgotten(ledger: Ledger) -> None:
    made = [ledger.append(registered(1))]

    def interrupted() -> None:
        with ledger.exclusive() as writer:
            writer.append(promoted(1))
            assert len(writer.entries()) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert ledger.entries() == made
    made.append(ledger.append(registered(2)))
    assert ledger.entries() == made


def test_another_ledger_in_the_same_place_is_read_anew(
    ledger: Ledger, engines: Engines, clock: FixedClock
) -> None:
    for number in (1, 2):
        ledger.append(registered(number))
    assert len(ledger.entries()) == 2
    with engines().begin() as connection:  # as a restored backup does
        connection.exec_driver_sql(f"DROP TABLE {LEDGER.name}")
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"DROP FUNCTION {LEDGER.name}_append_only")
    restored = Ledger(engines(), clock)
    made = [restored.append(registered(number)) for number in (7, 8, 9)]
    assert ledger.entries() == made
