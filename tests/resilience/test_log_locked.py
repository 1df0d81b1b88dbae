"""Another process holds the event log's lock: refused in time, never an error of ours."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec
import pytest

from config.settings import Settings
from tests.resilience.conftest import lead_ids
from tests.resilience.services import assert_told, event, service
from wiring.scoring import open_scoring

WAIT_MS = 300
CROWD = 12


@contextmanager
def locked(settings: Settings, how: str) -> Iterator[None]:
    """Hold a lock as a backup, a stray shell or a long ingestion would."""
    other = sqlite3.connect(settings.home / "signals.db", isolation_level=None, timeout=10)
    other.execute(f"BEGIN {how}")
    try:
        yield
    finally:
        other.close()


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_while_the_log_is_locked_events_are_refused_in_time_and_scores_go_on(
    own_home: Settings, how: str
) -> None:
    settings = msgspec.structs.replace(own_home, signals_wait_ms=WAIT_MS)
    leads = lead_ids(open_scoring(own_home), 5)
    with service(settings, leads) as held:
        held.assert_well()
        with locked(settings, how):
            began = time.monotonic()
            assert_told(held.events(), "database-usable", "log-available")
            assert time.monotonic() - began < 10 * WAIT_MS / 1000
            assert held.score().status_code == 200
            assert held.batch().status_code == 200
        held.until(held.recovered)
        held.assert_well()


def test_a_crowd_before_a_lock_does_not_wait_in_turn(own_home: Settings) -> None:
    settings = msgspec.structs.replace(own_home, signals_wait_ms=WAIT_MS)
    leads = lead_ids(open_scoring(own_home), 5)
    with service(settings, leads) as held, ThreadPoolExecutor(CROWD) as crowd:
        held.assert_well()
        with locked(settings, "IMMEDIATE"):
            began = time.monotonic()
            asked = [
                crowd.submit(held.client.post, "/events", json={"events": [event()]})
                for _ in range(CROWD)
            ]
            for one in asked:
                assert_told(one.result(), "database-usable", "log-available")
            assert time.monotonic() - began < CROWD * WAIT_MS / 1000
        held.assert_well()
