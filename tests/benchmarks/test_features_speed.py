"""The compiled number features beside the same in whole columns of numpy."""

from typing import Any

import numpy as np
import pytest

from domain.state import FAMILIES, FIRST, LAST, SEQUENCE, Matrix, Vector, layout_of
from feature_repo.features import compile_numbers, numbers
from feature_repo.standard import standard_service
from tests.benchmarks.alternating import ratio
from tests.benchmarks.bars import bar
from tests.features import slow_numbers

D = standard_service()
NOW = 1.7e9


def drawn(rows: int) -> tuple[Matrix, Matrix, Vector]:
    """States most of whose slots are zero, as those of most leads are."""
    random, layout = np.random.default_rng(rows), layout_of(D)
    leads = random.exponential(3.0, (rows, layout.width))
    leads[random.random(leads.shape) < 0.7] = 0.0
    times = [FIRST, LAST, *range(SEQUENCE, FAMILIES, 3)]
    times += range(FAMILIES + 1, layout.numbers_at, layout.family_width)
    leads[:, times] = NOW - random.exponential(1e6, (rows, len(times)))
    accounts = np.zeros((rows, layout.account_width))
    accounts[:, : layout.width] = leads
    return leads, accounts, np.full(rows, NOW)


@pytest.mark.parametrize(("rows", "rounds", "least"), [(1, 40, 5.0), (100_000, 2, 1.0)])
def test_number_features_beside_numpy(benchmark: Any, rows: int, rounds: int, least: float) -> None:
    held = drawn(rows)
    compile_numbers(D)
    found = ratio(
        benchmark,
        lambda: numbers(D, *held),
        lambda: slow_numbers.numbers(D, *held),
        rounds,
        warm=1,
        block=10 if rows == 1 else 1,
        at_least=least,
    )
    bar(benchmark, f"features of {rows} rows, as quick as", "numpy", found, at_least=least)
