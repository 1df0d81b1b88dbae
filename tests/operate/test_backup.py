"""Copies of databases that are being written to: whole, of one moment, verified, rotated."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.clock import DAY
from domain.errors import Unavailable
from jobs.operate.backup import back_up
from jobs.operate.job import JobRun
from jobs.operate.rules import load_rules
from tests.operate.homes import QUICK, schedule
from tests.waiting import until

MakeRun = Callable[..., JobRun]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a log and a ledger: two rows of each sum are always equal."""
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    schedule(settings, backup=QUICK, backup_={"keep": 2})
    for name in ("signals", "ledger"):
        with closing(sqlite3.connect(settings.home / f"{name}.db")) as made:
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("CREATE TABLE pairs (side TEXT, n INTEGER)")
            made.execute("INSERT INTO pairs VALUES ('a', 0), ('b', 0)")
            made.commit()
    return settings


def run_of(settings: Settings, day: int = 0, check: Callable[[], None] = lambda: None) -> JobRun:
    return JobRun(settings, load_rules(settings), due_us=day * DAY, began_us=0, check=check)


def backups(settings: Settings) -> list[Path]:
    return sorted((settings.home / "backups").iterdir())


def pairs(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as held:
        return {n for (n,) in held.execute("SELECT n FROM pairs")}


def test_a_copy_is_of_one_moment_while_somebody_writes(settings: Settings) -> None:
    stop, written = threading.Event(), [0]

    def write() -> None:
        with closing(sqlite3.connect(settings.home / "signals.db", timeout=30)) as held:
            while not stop.is_set():
                held.execute("UPDATE pairs SET n = n + 1 WHERE side = 'a'")
                held.execute("UPDATE pairs SET n = n + 1 WHERE side = 'b'")
                held.commit()
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for day in range(3):
            before = written[0]
            until(lambda before=before: written[0] > before)  # type: ignore[misc]
            result = back_up(run_of(settings, day))
            (place,) = [p for p in backups(settings) if p.name in result.notes[0]]
            assert len(pairs(place / "signals.db")) == 1, "half of a transaction"
            assert sorted(p.name for p in place.iterdir()) == ["ledger.db", "signals.db"]
    finally:
        stop.set()
        writer.join()
    assert len(backups(settings)) == 2, "the oldest goes"
    assert (place.stat().st_mode & 0o777) == 0o700


def test_the_same_run_copies_once(settings: Settings) -> None:
    back_up(run_of(settings))
    (place,) = backups(settings)
    made = (place / "signals.db").stat().st_mtime_ns
    back_up(run_of(settings))
    assert backups(settings) == [place]
    assert (place / "signals.db").stat().st_mtime_ns == made


def test_who_lost_the_turn_leaves_no_copy(settings: Settings) -> None:
    def lost() -> None:
        raise Unavailable("another process took over", rule="operate-lease")

    with pytest.raises(Unavailable, match="took over"):
        back_up(run_of(settings, check=lost))
    assert backups(settings) == []


def test_a_database_that_is_broken_is_told_and_the_copies_before_stay(settings: Settings) -> None:
    back_up(run_of(settings))
    path = settings.home / "signals.db"
    with closing(sqlite3.connect(path)) as held:
        held.execute("CREATE TABLE filler AS SELECT hex(randomblob(3000)) AS x FROM pairs, pairs b")
        held.commit()
        held.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = bytearray(path.read_bytes())
    whole[4096:8192] = b"\x7f" * 4096
    path.write_bytes(whole)
    with pytest.raises((Unavailable, sqlite3.DatabaseError)):
        back_up(run_of(settings, day=1))
    (kept,) = backups(settings)
    assert len(pairs(kept / "signals.db")) == 1


def test_what_is_in_postgresql_is_left_to_its_own_tools(settings: Settings) -> None:
    elsewhere = msgspec.structs.replace(settings, signals_url="postgresql://h/signals")
    result = back_up(run_of(elsewhere))
    assert "signals_db: in PostgreSQL, whose own tools" in result.notes[-1]
    (place,) = backups(settings)
    assert [p.name for p in place.iterdir() if p.name == "ledger.db"] == ["ledger.db"]


def test_what_is_no_backup_is_let_be(settings: Settings) -> None:
    mine = settings.home / "backups" / "before the move"
    mine.mkdir(parents=True)
    for day in range(4):
        back_up(run_of(settings, day))
    assert mine in backups(settings)
    assert len(backups(settings)) == 3
