"""The spool of decisions: whole batches or none, in order, once, through cuts and crashes."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
import sqlalchemy as sa

from decisions.audit.spool import AT_A_TIME, DATABASE, Spool
from decisions.audit.spool_file import DAMAGED, FILE
from decisions.audit.spooled_trail import SpooledTrail
from decisions.audit.tables import create_tables
from domain.circuit_breaker import CircuitBreaker
from domain.decisions import DecisionRecord, RequestKey
from domain.errors import Missing, Refused, Unavailable
from tests.decisions.conftest import MakeRecord, connect

MEGABYTE = 1 << 20


def ids(records: list[DecisionRecord]) -> list[str]:
    return [r.answer.decision_id for r in records]


def drained(spool: Spool) -> list[DecisionRecord]:
    held: list[DecisionRecord] = []
    spool.drain(held.extend)
    return held


@pytest.fixture
def made(make_record: MakeRecord) -> list[DecisionRecord]:
    return [make_record(at=1_700_000_000_000_000 + n) for n in range(12)]


def former(folder: Path, batches: list[list[DecisionRecord]]) -> list[bytes]:
    """The file of version 0.2.0 with these batches; its lines."""
    bodies = [msgspec.json.encode(batch) for batch in batches]
    lines = [b"%08x %s\n" % (crc32(body), body) for body in bodies]
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(b"".join(lines))
    return lines


def test_what_is_cut_off_anywhere_is_whole_batches(
    tmp_path: Path, made: list[DecisionRecord]
) -> None:
    """The log ahead of the database is cut, as a power cut may do."""
    whole = Spool(tmp_path / "whole", MEGABYTE)
    assert whole.is_empty()
    log = tmp_path / "whole" / f"{DATABASE}-wal"
    ends = [log.stat().st_size]
    for at in range(0, 12, 3):
        whole.add(made[at : at + 3])
        ends.append(log.stat().st_size)
    content = log.read_bytes()
    for cut in sorted({*range(ends[0], ends[-1], 1_500), *ends, *(end - 1 for end in ends[1:])}):
        folder = tmp_path / str(cut)
        folder.mkdir()
        shutil.copy(tmp_path / "whole" / DATABASE, folder)
        (folder / log.name).write_bytes(content[:cut])
        kept = sum(end <= cut for end in ends[1:]) * 3
        torn = Spool(folder, MEGABYTE)
        assert all(torn.get(i) is not None for i in ids(made[:kept]))
        assert all(torn.get(i) is None for i in ids(made[kept:]))
        if kept < 12:
            torn.add(made[11:])
            assert ids(drained(torn)) == ids([*made[:kept], made[11]])
        else:
            assert ids(drained(torn)) == ids(made)
        assert torn.is_empty()
        assert torn.get(made[0].answer.decision_id) is None


def test_a_former_file_is_taken_over_wherever_it_is_cut_off(
    tmp_path: Path, made: list[DecisionRecord]
) -> None:
    lines = former(tmp_path / "whole", [made[at : at + 3] for at in range(0, 12, 3)])
    content = b"".join(lines)
    ends = list(accumulate(map(len, lines)))
    for cut in sorted({*range(0, len(content), 997), *ends, *(end - 1 for end in ends)}):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / FILE).write_bytes(content[:cut])
        kept = sum(end <= cut for end in ends) * 3
        spool = Spool(folder, MEGABYTE)
        assert spool.is_empty() == (kept == 0)
        assert not (folder / FILE).exists()
        (folder / FILE).write_bytes(content[:cut])  # died before it removed it
        again = Spool(folder, MEGABYTE)
        again.add([renamed(made[0], "other")])
        assert ids(drained(spool)) == [*ids(made[:kept]), "other"]
        assert again.is_empty()


def test_a_damaged_batch_of_a_former_file_is_kept_aside(
    tmp_path: Path, made: list[DecisionRecord], caplog: pytest.LogCaptureFixture
) -> None:
    lines = former(tmp_path, [[one] for one in made[:3]])
    lines[1] = lines[1].replace(b"champion", b"chumpion")
    (tmp_path / FILE).write_bytes(b"".join(lines))
    spool = Spool(tmp_path, MEGABYTE)
    assert ids(drained(spool)) == ids([made[0], made[2]])
    assert (tmp_path / DAMAGED).read_bytes() == b"".join(lines)
    assert "1 batches are damaged" in caplog.text


def test_a_full_spool_refuses_and_stays_whole(tmp_path: Path, made: list[DecisionRecord]) -> None:
    most = 200_000
    spool = Spool(tmp_path, most)
    kept = filled(spool, made[:3])
    assert 30 < len(kept) < 1_000
    assert (tmp_path / DATABASE).stat().st_size <= most
    assert ids(drained(spool)) == kept
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < most / 2
    spool.add(made[3:6])
    assert ids(drained(spool)) == ids(made[3:6])


def filled(spool: Spool, made: list[DecisionRecord]) -> list[str]:
    """Add batches until there is no more room; the ids of those that were taken."""
    kept: list[str] = []
    for n in range(1_000):
        batch = [renamed(one, f"{n}-{i}") for i, one in enumerate(made)]
        try:
            spool.add(batch)
        except Unavailable:
            break
        kept += ids(batch)
    with pytest.raises(Unavailable, match="full"):
        spool.add(batch)
    return kept


def renamed(record: DecisionRecord, decision_id: str) -> DecisionRecord:
    answer = msgspec.structs.replace(record.answer, decision_id=decision_id)
    return msgspec.structs.replace(record, answer=answer)


def test_a_long_spool_goes_over_in_order_while_others_add(
    tmp_path: Path, made: list[DecisionRecord]
) -> None:
    spool, neighbour = Spool(tmp_path, 64 * MEGABYTE), Spool(tmp_path, 64 * MEGABYTE)
    whole = [renamed(made[0], str(n)) for n in range(2 * AT_A_TIME + 7)]
    spool.add(whole)
    steps: list[list[DecisionRecord]] = []

    def take(records: Sequence[DecisionRecord]) -> None:
        neighbour.add([renamed(made[1], f"while {len(steps)}")])  # it does not wait for the step
        steps.append(list(records))

    spool.drain(take)
    assert [len(step) for step in steps] == [AT_A_TIME, AT_A_TIME, 7]
    assert ids([one for step in steps for one in step]) == ids(whole)
    assert ids(drained(spool)) == ["while 0", "while 1", "while 2"]


def test_only_its_owner_may_read_it(tmp_path: Path, made: list[DecisionRecord]) -> None:
    mask = os.umask(0)
    try:
        Spool(tmp_path / "spool", MEGABYTE).add(made)
    finally:
        os.umask(mask)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "spool").iterdir()}
    assert modes.keys() >= {DATABASE, f"{DATABASE}-wal"}
    assert set(modes.values()) == {0o600}


def test_what_is_no_spool_takes_nothing_and_stops_nobody(
    tmp_path: Path, made: list[DecisionRecord], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 1_000)
    spool = Spool(tmp_path, MEGABYTE)
    assert spool.is_empty()
    assert spool.is_empty()
    assert caplog.text.count("cannot be used: DatabaseError") == 1
    with pytest.raises(Unavailable):
        spool.add(made)


def test_ids_and_keys_are_there_once(tmp_path: Path, made: list[DecisionRecord]) -> None:
    one, other = Spool(tmp_path, MEGABYTE), Spool(tmp_path, MEGABYTE)
    keyed = msgspec.structs.replace(made[0], request=RequestKey(key="k", asked="a"))
    one.add([keyed])
    assert other.answered(["k", "l"]) == {"k": keyed}
    with pytest.raises(Refused):
        other.add([keyed])
    with pytest.raises(Refused):
        other.add([msgspec.structs.replace(made[1], request=RequestKey(key="k", asked="b"))])
    other.add(made[2:3])
    assert one.get(made[2].answer.decision_id) == made[2]
    assert ids(drained(one)) == ids([keyed, made[2]])
    assert other.answered(["k"]) == {}


def test_a_damaged_decision_stays_and_the_others_are_handed_over(
    tmp_path: Path, made: list[DecisionRecord], caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, MEGABYTE)
    spool.add(made[:3])
    broken = made[1].answer.decision_id
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        changed = msgspec.json.encode(made[1]).replace(b"champion", b"chumpion")
        change = "UPDATE spool SET body = ? WHERE decision_id = ?"
        assert database.execute(change, (changed, broken)).rowcount == 1
    assert spool.get(broken) is None
    assert ids(drained(spool)) == ids([made[0], made[2]])
    assert spool.is_empty()
    assert drained(spool) == []
    assert caplog.text.count("1 decisions of the spool are damaged") == 1
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        assert database.execute("SELECT decision_id FROM spool").fetchall() == [(broken,)]


WRITER = """
import sys
from pathlib import Path
import msgspec
from decisions.audit.spool import Spool
from domain.decisions import DecisionRecord
made = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=list[DecisionRecord])
spool = Spool(Path(sys.argv[1]), 1 << 24)
replace = msgspec.structs.replace
for n in range(100_000):
    batch = [replace(r, answer=replace(r.answer, decision_id=f"{sys.argv[3]}-{n}-{i}"))
             for i, r in enumerate(made)]
    spool.add(batch)
    print(n, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, made: list[DecisionRecord]) -> None:
    (tmp_path / "made").write_bytes(msgspec.json.encode(made[:3]))
    argv = [sys.executable, "-c", WRITER, str(tmp_path / "spool"), str(tmp_path / "made")]
    each = [
        subprocess.Popen([*argv, name], stdout=subprocess.PIPE, text=True) for name in ("a", "b")
    ]
    told: dict[str, int] = {}
    for name, process in zip("ab", each, strict=True):
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        told[name] = 19 + len(process.stdout.read().splitlines())
        process.wait()
    held = ids(drained(Spool(tmp_path / "spool", 1 << 24)))
    for name, last in told.items():
        numbers = [int(i.split("-")[1]) for i in held if i.startswith(name)]
        assert numbers == sorted(numbers), "in order"
        assert {n: numbers.count(n) for n in numbers} == dict.fromkeys(range(max(numbers) + 1), 3)
        assert max(numbers) >= last


class Seconds:
    """A monotonic clock that is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def engine(database: Path) -> Iterator[sa.Engine]:
    engine = connect(database)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def trail(engine: sa.Engine, tmp_path: Path, seconds: Seconds) -> SpooledTrail:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    return SpooledTrail(engine, 0.2, spool, CircuitBreaker(seconds, failures=1, open_s=5))


def lock(database: Path) -> sa.Connection:
    """Hold the database's write lock."""
    engine = sa.create_engine(f"sqlite:///{database}", poolclass=sa.NullPool)
    connection = engine.connect()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    return connection


def impatient(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "checkout")
    def hurry(connection: object, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout=50")  # type: ignore[attr-defined]


def test_decisions_wait_while_the_trail_is_locked_and_go_in_order_after(
    trail: SpooledTrail,
    engine: sa.Engine,
    database: Path,
    seconds: Seconds,
    made: list[DecisionRecord],
) -> None:
    impatient(engine)
    keyed = msgspec.structs.replace(made[3], request=RequestKey(key="k", asked="a"))
    trail.append(made[:2])
    held = lock(database)
    trail.append([made[2]])
    trail.append([keyed])
    assert trail.get(made[2].answer.decision_id) == made[2]
    assert trail.answered(["k", "l"]) == {"k": keyed}
    assert trail.verify().count == 2
    held.close()
    trail.append([made[4]])
    assert trail.verify().count == 2, "the breaker is open: the trail is left alone"
    seconds.now += 5
    trail.append([made[5]])
    assert [r.answer.decision_id for r in trail.records()] == ids([*made[:3], keyed, *made[4:6]])
    assert trail.verify().broken is None
    assert trail.answered(["k"]) == {"k": keyed}
    with pytest.raises(Missing):
        trail.get("nobody's")


def test_a_drain_that_died_is_done_again_without_a_second_entry(
    trail: SpooledTrail, tmp_path: Path, made: list[DecisionRecord]
) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    spool.add(made[:3])
    spool.add(made[3:5])

    def die(records: Sequence[DecisionRecord]) -> None:
        trail._take(records)
        raise KeyboardInterrupt  # before it forgot them

    with pytest.raises(KeyboardInterrupt):
        spool.drain(die)
    assert not spool.is_empty()
    trail.append(made[5:6])
    assert [r.answer.decision_id for r in trail.records()] == ids(made[:6])
    assert trail.verify().broken is None


def test_a_key_that_two_processes_answered_is_the_first_ones(
    trail: SpooledTrail, tmp_path: Path, made: list[DecisionRecord]
) -> None:
    key = RequestKey(key="k", asked="a")
    first, second = (msgspec.structs.replace(one, request=key) for one in made[:2])
    trail.append([first])
    Spool(tmp_path / "spool", MEGABYTE).add([second, made[2]])
    trail.drain()
    assert [r.answer.decision_id for r in trail.records()] == ids(made[:3])
    assert trail.answered(["k"]) == {"k": first}
    assert trail.verify().broken is None
