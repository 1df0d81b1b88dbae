"""Leads in one account, beside as many accounts: time and memory from file to data set.

`tests.benchmarks.skew` measures larger numbers of leads in the same way.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.bars import bar
from tests.benchmarks.skew import sides

LEADS = 10_000
MOST = 1.5
"""Times the time and the memory of as many accounts."""


@pytest.mark.benchmark(group="data set")
def test_one_account_costs_what_many_cost(benchmark: Any, tmp_path: Path) -> None:
    measured = benchmark.pedantic(lambda: list(sides(tmp_path, LEADS)), rounds=1)
    for step, one, many in measured:
        assert one.rows == many.rows
        what, other = f"{LEADS:,} leads in one account, {step}", "in as many accounts"
        seconds, memory = one.seconds / many.seconds, one.mib / many.mib
        bar(benchmark, f"seconds, {what}", other, seconds, at_most=MOST)
        bar(benchmark, f"memory, {what}", other, memory, at_most=MOST)
