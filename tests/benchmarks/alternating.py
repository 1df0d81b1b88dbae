"""Two ways of doing a thing, measured against each other: alternately, in one run, both warm."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tests.benchmarks.bars import best

WARM = 3
BLOCK = 10
"""Calls at a stretch: after the other's, a first one finds the processor's caches cold."""


def ratio(
    benchmark: Any,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    rounds: int,
    *,
    warm: int = WARM,
    block: int = BLOCK,
    at_least: float,
) -> float:
    """The median seconds of theirs for each of ours, both noted beside the benchmark's figures.

    `warm` rounds go before; 0 where both are warm already. Where the ratio misses `at_least` it is
    measured again, see `bars`.
    """
    for _ in range(warm):
        ours()
        theirs()

    def measure() -> float:
        took: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for do, times in zip((ours, theirs), took, strict=True):
                times += [_seconds(do) for _ in range(block)]
        mine, other = map(median, took)
        benchmark.extra_info.update(ours_us=mine * 1e6, theirs_us=other * 1e6)
        return other / mine

    found = best(measure, at_least=at_least)
    benchmark.pedantic(ours, rounds=1 + warm)
    return found


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
