"""Two ways of doing a thing, measured against each other: alternately, in one run, both warm."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

WARM = 3


def ratio(
    benchmark: Any, ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> float:
    """The median seconds of theirs for each of ours, both noted beside the benchmark's figures."""
    for _ in range(WARM):
        ours()
        theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    mine, other = median(a for a, _ in pairs), median(b for _, b in pairs)
    benchmark.extra_info.update(ours_us=mine * 1e6, theirs_us=other * 1e6, ratio=other / mine)
    benchmark.pedantic(ours, rounds=WARM)
    return other / mine


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
