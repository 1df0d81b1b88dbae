"""From the log to point-in-time rows: the replay, and Feast's join, at two sizes.

Read the two groups side by side: ten times the events and cutoffs should take about ten times as
long.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any

import pytest

from config.settings import Settings
from jobs.models.train import prepared
from jobs.signals.ingest_files import ingest_files
from tests.benchmarks.bars import bar
from tests.conftest import SilentProgress
from training.config import Every, TrainingConfig
from training.data.cutoffs import choose

LEADS = (1_140, 11_400)
"""About 100,000 and a million events, 10,000 and 100,000 cutoffs."""

GROWTH = 11.0
"""The most by which the time may grow where the log grows tenfold."""

FEW = 100
CONFIG = TrainingConfig(cutoffs=Every(days=13))
Made = Callable[[int], Settings]
TOOK: dict[int, float] = {}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    from simulation.scenarios import scenario
    from simulation.simulator import simulate
    from simulation.writer import write

    def make(leads: int) -> Settings:
        folder: Path = tmp_path_factory.mktemp("sized")
        written = write(simulate(leads, 1, scenario("steady")), folder / "s.jsonl")
        settings = Settings(home=folder / "home", clock="watermark")
        ingest_files(settings, [str(written.signals)], None, lambda _: None)
        return settings

    return make


def rows(settings: Settings, config: TrainingConfig = CONFIG) -> int:
    run = prepared(settings, config, SilentProgress())
    cutoffs = choose(run.journeys, config, frozenset()).cutoffs
    frame = run.history(
        [c.lead_id for c in cutoffs],
        [c.account_id for c in cutoffs],
        [c.moment_us for c in cutoffs],
    )
    return len(frame)


def measured(settings: Settings) -> tuple[int, float, int]:
    """Rows, seconds, and the most MiB that the process and the one that it starts ever held.

    What a process starts is counted as holding what it held itself at that moment, at least.
    """
    began = perf_counter()
    made = rows(settings)
    took = perf_counter() - began
    held = sum(getrusage(who).ru_maxrss for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return made, took, held // 1024


@pytest.mark.benchmark(group="data set, from the log")
@pytest.mark.parametrize("leads", LEADS)
def test_data_set(benchmark: Any, made: Made, leads: int) -> None:
    settings, context = made(leads), get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(rows, made(FEW)).result()  # loads, compiles

        def whole() -> tuple[int, float, int]:
            return pool.submit(measured, settings).result()

        count, took, mib = benchmark.pedantic(whole, rounds=1)
    benchmark.extra_info.update({"rows": count, "most MiB": mib})
    TOOK[leads] = took
    assert mib < 4096
    if len(TOOK) == len(LEADS):
        small, large = (TOOK[size] for size in LEADS)
        what, beside = "a data set of ten times the leads", "one of a tenth"
        bar(benchmark, what, beside, large / small, at_most=GROWTH)
