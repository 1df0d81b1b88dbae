"""Connections that are kept beside the pool: used again, let go of, never with work left over."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, event

from storage.driver_connections import MOST_IDLE, DriverConnections
from storage.engine import open_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'file.db'}")
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    yield made
    made.dispose()


def rows(kept: DriverConnections) -> list[int]:
    with kept.cursor() as cursor:
        return [x for (x,) in cursor.execute("SELECT x FROM t ORDER BY x").fetchall()]


def open_files(file: Path) -> int:
    opened = 0
    for one in Path("/proc/self/fd").iterdir():
        try:
            opened += one.readlink() == file
        except FileNotFoundError:
            continue
    return opened


def test_what_is_not_committed_is_rolled_back(engine: Engine) -> None:
    kept = DriverConnections(engine)
    with kept.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO t VALUES (1)")
    with kept.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO t VALUES (2)")
        cursor.connection.commit()
    assert rows(kept) == [2]


def test_a_connection_that_failed_holds_no_lock(engine: Engine) -> None:
    kept = DriverConnections(engine)

    def fail() -> None:
        with kept.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("INSERT INTO t VALUES (1)")
            cursor.execute("no statement")

    with pytest.raises(sqlite3.OperationalError):
        fail()
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (3)")
    assert rows(kept) == [3]


def test_all_go_when_the_engine_is_disposed_of(engine: Engine, tmp_path: Path) -> None:
    kept, file = DriverConnections(engine), tmp_path / "file.db"
    assert rows(kept) == []
    with kept.cursor() as cursor:
        cursor.execute("SELECT 1")
        engine.dispose()
    assert open_files(file) == 0
    assert rows(kept) == []


def test_idle_connections_are_bounded(engine: Engine) -> None:
    kept, opened = DriverConnections(engine), []
    event.listen(engine, "connect", lambda *_: opened.append(1))

    def all_at_once() -> None:
        together = Barrier(2 * MOST_IDLE)

        def use() -> None:
            with kept.cursor() as cursor:
                cursor.execute("SELECT x FROM t").fetchall()
                together.wait(30)

        threads = [Thread(target=use) for _ in range(2 * MOST_IDLE)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    engine.dispose()
    all_at_once()
    assert len(opened) == 2 * MOST_IDLE
    all_at_once()
    assert len(opened) == 3 * MOST_IDLE


def test_a_database_in_memory_stays_one() -> None:
    engine = open_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (7)")
    assert rows(DriverConnections(engine)) == [7]
