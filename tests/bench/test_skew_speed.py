"""A data set of leads in one account, beside one of as many accounts: time and memory.

Both are measured in turn, in processes of their own, so that a busy machine meets both alike.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bars import bar
from tests.bench.test_dataset_speed import measured
from wiring.ingestion import ingest_files
from wiring.settings import Settings

LEADS = 30_000
MOST = 1.5
"""Times the time and the memory of as many accounts."""

LINE = (
    '{{"specversion":"1.0","id":"{i}-{k}","source":"s","type":"web.page_viewed","time":"{at}",'
    '"identifiers":{{"crm_id":"L{i}","account_id":"A{account}"}},"data":{{"page":"docs"}}}}\n'
)
Made = Callable[[int], Settings]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    def make(accounts: int) -> Settings:
        folder: Path = tmp_path_factory.mktemp("skew")
        begin = datetime(2025, 1, 1, tzinfo=UTC)
        with (folder / "s.jsonl").open("w") as out:
            for i in range(LEADS):
                for k in range(2):
                    at = begin + timedelta(seconds=300 * 86_400 * i // LEADS, days=20 * k)
                    told = at.isoformat().replace("+00:00", "Z")
                    out.write(LINE.format(i=i, k=k, at=told, account=i % accounts))
        settings = Settings(home=folder / "home", clock="watermark")
        ingest_files(settings, [str(folder / "s.jsonl")], None, lambda _: None)
        return settings

    return make


@pytest.mark.benchmark(group="data set")
def test_one_account_costs_what_many_cost(made: Made, benchmark: Any) -> None:
    context = get_context("spawn")
    told = []
    for accounts in (1, LEADS):
        settings = made(accounts)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            told.append(pool.submit(measured, settings).result())
    (rows, took, mib), (others, beside, room) = told
    benchmark.extra_info.update(times_the_seconds=took / beside, times_the_memory=mib / room)
    benchmark.pedantic(lambda: None, rounds=1)
    assert rows == others
    what, other = f"{LEADS:,} leads in one account", "in as many accounts"
    bar(benchmark, f"seconds, {what}", other, took / beside, at_most=MOST)
    bar(benchmark, f"memory, {what}", other, mib / room, at_most=MOST)
