"""A data set of leads in one account, beside one of as many accounts: time and memory.

Both are measured in turn, in processes of their own. Time is the processor's, not the clock's, so
that a busy machine disturbs neither.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

import pytest

from config.settings import Settings
from jobs.signals.ingest_files import ingest_files
from tests.benchmarks.bars import bar
from tests.benchmarks.test_dataset_speed import rows
from training.config import After, Every, FirstContact, TrainingConfig

LEADS, FEW = 10_000, 50
EVENTS = 3
MOST = 1.5
"""Times the time and the memory of as many accounts."""

RULES: dict[str, Every | After | FirstContact] = {
    "every": Every(days=13),
    "after": After(types=("web.page_viewed",), delay_hours=240),
    "first_contact": FirstContact(delay_hours=240),
}
LINE = (
    '{{"specversion":"1.0","id":"{i}-{k}","source":"s","type":"{kind}","time":"{at}",'
    '"identifiers":{{"crm_id":"L{i}","account_id":"A{account}"}},"data":{data}}}\n'
)
PAGE = '{"page":"docs"}'
Made = Callable[[int, int], Settings]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    @cache
    def make(leads: int, accounts: int) -> Settings:
        folder: Path = tmp_path_factory.mktemp("skew")
        begin = datetime(2025, 1, 1, tzinfo=UTC)
        with (folder / "s.jsonl").open("w") as out:
            for i in range(leads):
                for k in range(EVENTS):
                    at = begin + timedelta(seconds=300 * 86_400 * i // leads, days=7 * k)
                    told = at.isoformat().replace("+00:00", "Z")
                    won = k == EVENTS - 1 and i % 7 == 0
                    kind, data = ("crm.deal_won", "{}") if won else ("web.page_viewed", PAGE)
                    out.write(
                        LINE.format(i=i, k=k, at=told, kind=kind, account=i % accounts, data=data)
                    )
        settings = Settings(home=folder / "home", clock="watermark")
        ingest_files(settings, [str(folder / "s.jsonl")], None, lambda _: None)
        return settings

    return make


def measured(settings: Settings, config: TrainingConfig) -> tuple[int, float, int]:
    """Rows, seconds of the processor, and the most MiB ever held, children's included."""

    def spent() -> float:
        used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    began = spent()
    count = rows(settings, config)
    took = spent() - began
    held = sum(getrusage(who).ru_maxrss for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return count, took, held // 1024


@pytest.mark.benchmark(group="data set")
@pytest.mark.parametrize("rule", RULES)
def test_one_account_costs_what_many_cost(made: Made, benchmark: Any, rule: str) -> None:
    context, config = get_context("spawn"), TrainingConfig(cutoffs=RULES[rule])
    told = []
    for accounts in (1, LEADS):
        few, settings = made(FEW, 1), made(LEADS, accounts)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(rows, few, config).result()  # loads, compiles
            told.append(pool.submit(measured, settings, config).result())
    (count, took, mib), (others, beside, room) = told
    benchmark.extra_info.update(times_the_seconds=took / beside, times_the_memory=mib / room)
    benchmark.pedantic(lambda: None, rounds=1)
    assert count == others
    what, other = f"{LEADS:,} leads in one account, {rule}", "in as many accounts"
    bar(benchmark, f"seconds, {what}", other, took / beside, at_most=MOST)
    bar(benchmark, f"memory, {what}", other, mib / room, at_most=MOST)
