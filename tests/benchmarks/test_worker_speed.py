"""A bus worker beside `ingest`: the same events into the same kind of stores, PostgreSQL and Redis.

Both are whole processes, from their start to their end; the bus is NATS on the same machine, with
its log on disk.
"""

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from simulation.scenarios import scenario
from simulation.simulator import simulate
from simulation.writer import write
from tests.benchmarks.bars import bar, best
from tests.commands import program
from tests.servers import Postgres, nats_process, running
from tests.soak.redis_database import fresh_redis

LEADS = 1_200
LEAST = 0.7


class Stores:
    """A home of its own, with databases of its own, for each time events are taken in."""

    def __init__(self, folder: Path, postgres: Postgres, redis_url: str) -> None:
        self._folders = (folder / f"home{n}" for n in itertools.count())
        self._postgres, self._redis_url = postgres, redis_url

    def empty(self) -> tuple[Path, dict[str, str]]:
        """A home that is empty, and the variables that name its stores."""
        return next(self._folders), {
            "LEADSCORE_SIGNALS_DB": self._postgres.fresh(),
            "LEADSCORE_ONLINE": fresh_redis(self._redis_url),
        }


@pytest.fixture
def stores(tmp_path: Path, postgres: Postgres, redis_url: str) -> Stores:
    return Stores(tmp_path, postgres, redis_url)


@pytest.fixture
def buses(tmp_path: Path) -> Iterator[Iterator[str]]:
    """Buses that hold nothing, one after the other."""
    with ExitStack() as stack:

        def fresh() -> Iterator[str]:
            for number in itertools.count():
                folder = tmp_path / f"bus{number}"
                folder.mkdir()
                process = stack.enter_context(running(nats_process(folder)))
                yield f"nats://127.0.0.1:{process.port}"

        yield fresh()


def run(home: Path, variables: dict[str, str], *words: str) -> tuple[float, dict[str, Any]]:
    """Seconds that a command took, and what it answered."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        began = time.monotonic()
        answer = program(home, *words, "--json")
        took_s = time.monotonic() - began
    assert answer.returncode == 0, answer.stderr
    return took_s, json.loads(answer.stdout)


def test_a_worker_takes_in_what_a_file_brings(
    benchmark: Any, tmp_path: Path, stores: Stores, buses: Iterator[str]
) -> None:
    written = write(simulate(LEADS, 3, scenario("steady")), tmp_path / "signals.jsonl")
    figures: dict[str, Any] = {"processors": os.cpu_count()}

    def measure() -> float:
        file_s, files = run(*stores.empty(), "ingest", str(written.signals))
        (counts,) = files.values()
        home, variables = stores.empty()
        variables["LEADSCORE_BUS"] = next(buses)
        run(home, variables, "publish", str(written.signals))
        bus_s, answer = run(home, variables, "worker", "--until-idle")
        assert answer["counts"]["accepted"] == counts["accepted"]
        events = counts["received"]
        figures.update(events=events, file_per_s=events / file_s, bus_per_s=events / bus_s)
        return file_s / bus_s

    ratio = best(measure, at_least=LEAST)
    benchmark.extra_info.update(figures)
    benchmark.pedantic(lambda: None, rounds=1)
    bar(
        benchmark,
        "events that a worker takes from NATS into PostgreSQL and Redis",
        "`ingest` of the same file into the same stores",
        ratio,
        at_least=LEAST,
    )
