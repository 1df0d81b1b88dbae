"""Drift: never where sampling alone explains it, however many columns; found where it is."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from monitoring.drift import FEWEST, LEVEL, drifts
from monitoring.permutation_test import chances, one_of_each

RUNS = 200
Draw = Callable[[np.random.Generator, int], pd.DataFrame]


def many(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Columns of every kind, some of which hang together."""
    common = random.normal(size=rows)
    few = np.where(random.random(rows) < 0.03, 1_000.0, 0.0)
    return pd.DataFrame(
        {
            **{f"n{i}": common + random.normal(size=rows) for i in range(6)},
            "tail": random.standard_cauchy(rows),
            "rare": few,
            "same": np.zeros(rows),
            "count": random.poisson(0.5, rows).astype(np.float64),
            "holes": np.where(random.random(rows) < 0.7, np.nan, common),
            "empty": np.full(rows, np.nan),
            "country": pd.Series(random.choice(["DE", "FR", "US"], rows), dtype=object),
            "word": pd.Series([f"w{i}" for i in random.integers(0, 400, rows)], dtype=object),
            "gone": pd.Series(
                ["x" if u < 0.5 else None for u in random.random(rows)], dtype=object
            ),
        }
    )


def few(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """What a table without histories gives."""
    return many(random, rows)[["n0", "country"]]


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "rows"), [(many, (60, 40)), (many, (300, 60)), (few, (200, 40))])
def test_of_the_same_population_nothing_drifts(draw: Draw, rows: tuple[int, int]) -> None:
    """No column of any run, but for so many runs as the level allows."""
    alarms = 0
    for seed in range(RUNS):
        random = np.random.default_rng((seed, *rows))
        a, b = (draw(random, n) for n in rows)
        alarms += min(chances(a, b, seed).values()) <= LEVEL
    assert alarms <= binom.ppf(0.999, RUNS, LEVEL)


def test_rows_of_one_company_are_one() -> None:
    """Ten rows of each of 40 companies, no matter that they look like 400."""
    alarms = 0
    for seed in range(RUNS):
        random = np.random.default_rng(seed)
        a, b = (
            pd.DataFrame(
                {
                    "x": np.repeat(random.normal(size=40), 10),
                    "account": np.repeat(np.arange(40), 10),
                }
            )
            for _ in range(2)
        )
        once = [side.iloc[list(one_of_each(side, "account", seed))] for side in (a, b)]
        assert [side["account"].tolist() for side in once] == [list(range(40))] * 2
        alarms += chances(once[0][["x"]], once[1][["x"]], seed)["x"] <= LEVEL
    assert alarms <= binom.ppf(0.999, RUNS, LEVEL)


def test_what_moved_among_many_is_found() -> None:
    random = np.random.default_rng(5)
    a, b = many(random, 400), many(random, 300)
    b["n0"] += 2.0
    b["holes"] = np.nan
    b["country"] = "US"
    told = chances(a, b, 1)
    assert {name for name, chance in told.items() if chance <= LEVEL} == {"n0", "holes", "country"}


def test_too_few_are_not_judged() -> None:
    random = np.random.default_rng(6)
    a, b = few(random, 500), few(random, FEWEST - 1)
    b["n0"] += 50.0
    told = drifts(a, b, 1)
    assert [(d.chance, d.drifted) for d in told] == [(None, False)] * 2
    assert told[0].score > 10


def test_what_is_small_is_no_drift_however_sure() -> None:
    random = np.random.default_rng(7)
    a, b = (pd.DataFrame({"x": random.normal(size=5_000)}) for _ in range(2))
    b["x"] += 0.06
    (told,) = drifts(a, b, 1)
    assert told.chance is not None
    assert told.chance <= LEVEL
    assert not told.drifted
