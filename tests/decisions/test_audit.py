"""The audit trail: what goes in comes out, in order, once, and unaltered or told."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from threading import Thread
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from decisions.audit.tables import GUARDS, METADATA, create_tables
from decisions.audit.trail import AuditTrail, TrailHead, TrailVerification
from decisions.audit.verification import CHUNK
from domain.decisions import DecisionRecord
from domain.errors import BadConfiguration, BadInput, Missing, Refused, Unavailable
from domain.ports import DecisionLog
from storage.hash_chain import first_break
from tests.decisions.conftest import MakeEngine, MakeRecord
from tests.waiting import until

DIALECT: sa.Dialect = cast("Any", postgresql.dialect)()
AT = 1_700_000_000_000_000


def fill(trail: AuditTrail, make: MakeRecord, count: int) -> list[DecisionRecord]:
    made = [make(AT + n, lead_id=f"lead_{n % 7}", score=0.1 + n / 1000) for n in range(count)]
    trail.append(made)
    return made


def test_what_goes_in_comes_out(trail: AuditTrail, make_record: MakeRecord) -> None:
    log: DecisionLog = trail
    made = fill(trail, make_record, 10)
    assert list(log.records()) == made
    assert all(log.get(r.answer.decision_id) == r for r in made)
    assert trail.of_lead("lead_2") == [made[9], made[2]]
    assert trail.of_lead("lead_2", limit=1) == [made[9]]
    assert trail.of_lead("nobody") == []
    assert trail.verify() == TrailVerification(count=10, broken=None)


def test_empty(trail: AuditTrail) -> None:
    trail.append([])
    assert list(trail.records()) == []
    assert list(trail.records(since_us=AT)) == []
    assert trail.head() is None
    assert trail.verify() == TrailVerification(count=0, broken=None)
    assert trail.latest().records == ()
    with pytest.raises(Missing):
        trail.get("none")


def test_records_since_a_moment_across_chunks(trail: AuditTrail, make_record: MakeRecord) -> None:
    made = fill(trail, make_record, 2 * CHUNK + 3)
    late = make_record(AT + 5)
    trail.append([late])
    assert list(trail.records()) == [*made, late]
    assert list(trail.records(since_us=AT + 5)) == [*made[5:], late]
    assert list(trail.records(since_us=AT + 6)) == made[6:]
    assert list(trail.records(since_us=AT + 10**9)) == []


def test_records_may_grow_while_they_are_read(trail: AuditTrail, make_record: MakeRecord) -> None:
    fill(trail, make_record, 2)
    reading = trail.records()
    next(reading)
    trail.append([make_record()])
    assert len(list(reading)) == 2


def test_the_chain_is_the_domains(
    trail: AuditTrail, make_record: MakeRecord, database: Path
) -> None:
    fill(trail, make_record, 5)
    with closing(sqlite3.connect(database)) as raw:
        rows = raw.execute("SELECT previous, hash, body FROM audit ORDER BY sequence").fetchall()
    assert first_break(rows) is None


def test_all_or_none(trail: AuditTrail, make_record: MakeRecord) -> None:
    first, second = make_record(), make_record()
    trail.append([first])
    with pytest.raises(Refused) as raised:
        trail.append([second, first])
    assert raised.value.rule == "decision-once"
    assert list(trail.records()) == [first]
    trail.append([second])
    assert trail.verify() == TrailVerification(count=2, broken=None)


@pytest.mark.parametrize("field", ["score", "percentile", "staleness_s"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_record_that_could_not_be_read_back_is_refused(
    trail: AuditTrail, make_record: MakeRecord, field: str, value: float
) -> None:
    record = make_record()
    answer = msgspec.structs.replace(record.answer, **{field: value})
    with pytest.raises(BadInput):
        trail.append([msgspec.structs.replace(record, answer=answer)])
    assert trail.head() is None


def test_nan_features_are_kept_as_none(trail: AuditTrail, make_record: MakeRecord) -> None:
    record = make_record()
    trail.append([msgspec.structs.replace(record, features=(math.nan, 1.0))])
    assert trail.get(record.answer.decision_id).features == (None, 1.0)
    assert trail.verify().broken is None


@contextmanager
def forger(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody who may do all and has dropped the guards."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        for name in ("update", "delete", "replace"):
            raw.execute(f"DROP TRIGGER audit_no_{name}")
        yield raw


FORGERIES: list[tuple[str, int]] = [
    ("UPDATE audit SET body = replace(body, 'recent', 'forged') WHERE sequence = 4", 4),
    ("UPDATE audit SET score = 0.99 WHERE sequence = 3", 3),
    ("UPDATE audit SET grade = 'A' WHERE sequence = 1", 1),
    ("UPDATE audit SET eligible = 0 WHERE sequence = 2", 2),
    ("UPDATE audit SET lead_id = 'lead_x' WHERE sequence = 5", 5),
    ("UPDATE audit SET decided_us = decided_us + 1 WHERE sequence = 5", 5),
    ("UPDATE audit SET hash = previous WHERE sequence = 6", 6),
    ("UPDATE audit SET previous = hash WHERE sequence = 7", 7),
    ("UPDATE audit SET body = x'7b7d' WHERE sequence = 8", 8),
    ("UPDATE audit SET score = 'high' WHERE sequence = 8", 8),
    ("UPDATE audit SET hash = 7 WHERE sequence = 8", 8),
    ("DELETE FROM audit WHERE sequence = 1", 1),
    ("DELETE FROM audit WHERE sequence = 5", 5),
    ("UPDATE audit SET sequence = 99 WHERE sequence = 9", 9),
    ("UPDATE audit SET sequence = sequence + 1 WHERE sequence = 10", 10),
]


@pytest.mark.parametrize(("forgery", "place"), FORGERIES)
def test_tampering_is_found_at_its_place(
    trail: AuditTrail, make_record: MakeRecord, database: Path, forgery: str, place: int
) -> None:
    fill(trail, make_record, 10)
    with forger(database) as raw:
        assert raw.execute(forgery).rowcount == 1
    assert trail.verify().broken == place


def test_two_entries_swapped(trail: AuditTrail, make_record: MakeRecord, database: Path) -> None:
    fill(trail, make_record, 10)
    with forger(database) as raw:
        for old, new in ((4, 99), (5, 4), (99, 5)):
            raw.execute("UPDATE audit SET sequence = ? WHERE sequence = ?", (new, old))
    assert trail.verify().broken == 4


def test_what_only_an_anchor_shows(
    trail: AuditTrail, make_record: MakeRecord, database: Path
) -> None:
    fill(trail, make_record, 10)
    anchor = trail.head()
    assert anchor is not None
    assert trail.verify(anchor).broken is None
    with forger(database) as raw:
        raw.execute("DELETE FROM audit WHERE sequence > 8")
    assert trail.verify().broken is None
    assert trail.verify(anchor).broken == 9
    trail.append([make_record() for _ in range(4)])
    assert trail.verify().broken is None
    assert trail.verify(anchor).broken == 10
    assert trail.verify(TrailHead(sequence=1, hash="0" * 64)).broken == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET score = 1",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 1",
        """REPLACE INTO audit SELECT 77, decision_id, lead_id, account_id, decided_us, model, arm,
        score, grade, eligible, queue, previous, hash, body FROM audit WHERE sequence = 2""",
    ],
)
def test_the_table_refuses_changes(
    trail: AuditTrail, make_record: MakeRecord, database: Path, statement: str
) -> None:
    fill(trail, make_record, 3)
    with (
        closing(sqlite3.connect(database, isolation_level=None)) as raw,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        raw.execute(statement)
    assert trail.verify() == TrailVerification(count=3, broken=None)


def append_each(make: MakeEngine, database: Path, records: list[DecisionRecord]) -> None:
    trail = AuditTrail(make(database))
    for record in records:
        trail.append([record])


def forked(*arguments: object) -> ForkProcess:
    """A process of its own that appends, with an engine of its own; no imports to wait for."""
    process = get_context("fork").Process(target=append_each, args=arguments)
    process.start()
    return process


def test_three_processes_and_eight_threads(
    trail: AuditTrail, make_record: MakeRecord, make_engine: MakeEngine, database: Path
) -> None:
    each, names = 100, [f"process_{p}" for p in range(3)] + [f"thread_{t}" for t in range(8)]
    made = {name: [make_record(n, lead_id=name) for n in range(each)] for name in names}
    processes = [forked(make_engine, database, made[name]) for name in names[:3]]

    def work(records: list[DecisionRecord]) -> None:
        for at in range(0, each, 2):
            trail.append(records[at : at + 2])

    threads = [Thread(target=work, args=(made[name],)) for name in names[3:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert trail.verify() == TrailVerification(count=11 * each, broken=None)
    kept = list(trail.records())
    for name in names:
        assert [r for r in kept if r.answer.lead_id == name] == made[name]


def test_a_killed_writer_leaves_whole_entries(
    trail: AuditTrail, make_record: MakeRecord, make_engine: MakeEngine, database: Path
) -> None:
    made = [make_record(n) for n in range(4000)]
    process = forked(make_engine, database, made)
    begun = TrailHead(sequence=0, hash="")
    until(lambda: not process.is_alive() or (trail.head() or begun).sequence >= 20, every=0.01)
    process.kill()
    process.join()
    found = trail.verify()
    assert found.broken is None
    assert 20 <= found.count < len(made)
    assert list(trail.records()) == made[: found.count]
    trail.append([make_record()])
    assert trail.verify() == TrailVerification(count=found.count + 1, broken=None)


def test_a_database_in_use_is_unavailable(
    trail: AuditTrail, make_record: MakeRecord, database: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{database}", connect_args={"timeout": 0.01})
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as raised:
            AuditTrail(engine).append([make_record()])
        assert raised.value.retryable
        other.execute("ROLLBACK")
    AuditTrail(engine).append([make_record()])
    assert trail.verify() == TrailVerification(count=1, broken=None)
    engine.dispose()


def test_without_tables_or_folder_it_is_unavailable(
    tmp_path: Path, make_engine: MakeEngine, make_record: MakeRecord
) -> None:
    for path in (tmp_path / "empty.db", tmp_path / "none" / "a.db"):
        trail = AuditTrail(make_engine(path))
        for ask in (
            lambda t=trail: t.append([make_record()]),
            lambda t=trail: t.get("x"),
            lambda t=trail: list(t.records()),
            lambda t=trail: t.verify(),
            lambda t=trail: t.latest(),
        ):
            with pytest.raises(Unavailable):
                ask()
    with pytest.raises(Unavailable):
        create_tables(make_engine(tmp_path / "none" / "a.db"))


def test_tables_may_be_created_again(trail: AuditTrail, make_record: MakeRecord) -> None:
    fill(trail, make_record, 1)
    create_tables(trail._engine)
    assert trail.verify().count == 1


def test_postgresql_gets_its_types_and_guards() -> None:
    said: list[str] = []
    engine = sa.create_mock_engine(
        "postgresql+psycopg://", lambda sql, *_: said.append(str(sql.compile(dialect=DIALECT)))
    )
    METADATA.create_all(engine, checkfirst=False)
    text = "\n".join(said)
    assert "BYTEA" in text
    assert "BIGINT" in text
    assert "score DESC" in text
    assert "TRUNCATE" in "".join(GUARDS["postgresql"])


def test_another_database_is_refused() -> None:
    engine = sa.create_mock_engine("mysql+pymysql://", lambda *_: None)
    with pytest.raises(BadConfiguration, match="mysql"):
        AuditTrail(engine)  # type: ignore[arg-type]
