"""The calibration error: debiased as published, honest about its interval, whatever the clusters.

Simulated: the truth is known, so that it can be counted how often an interval holds it.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from measures.calibration import bins_of
from measures.calibration_error import BINS, calibration_error

Array = NDArray[np.float64]
RUNS = 200


def sample(
    n: int, accounts: int, rate: float, wrong: tuple[float, float], seed: int
) -> tuple[Array, Array, NDArray[np.int64], float]:
    """Labels, probabilities, accounts (whose leads buy together), and the true error in bins.

    `wrong` shifts and stretches the true log-odds: (0, 1) is perfectly calibrated.
    """
    random = np.random.default_rng(seed)
    margins = random.normal(np.log(rate / (1 - rate)), 1.2, n)
    groups = random.integers(0, accounts, n)
    told, true = expit(margins), expit(wrong[0] + wrong[1] * margins)
    together = np.sqrt(0.3) * random.normal(size=accounts)[groups]
    y = norm.cdf(together + np.sqrt(0.7) * random.normal(size=n)) < true
    place = bins_of(told, np.ones(n), BINS)
    weight = np.bincount(place)
    distance = np.bincount(place, told - true) / weight
    error = float(np.sqrt((weight * distance**2).sum() / n))
    return y.astype(np.float64), told, groups, error


def held(n: int, accounts: int, rate: float, wrong: tuple[float, float]) -> tuple[Array, Array]:
    """Which intervals hold the true error, and the errors found less the true ones, squared."""
    inside, off = [], []
    for seed in range(RUNS):
        y, p, groups, error = sample(n, accounts, rate, wrong, seed)
        got = calibration_error(y, p, groups)
        inside.append(got.low <= error <= got.high)
        off.append(got.value**2 - error**2)
    return np.array(inside), np.array(off)


@pytest.mark.parametrize(("n", "accounts", "rate"), [(2600, 2600, 0.17), (800, 250, 0.08)])
def test_of_perfect_scores_it_holds_0_as_often_as_promised(
    n: int, accounts: int, rate: float
) -> None:
    inside, off = held(n, accounts, rate, (0.0, 1.0))
    assert inside.mean() >= 0.92  # 0.975 promised: one side of 0 cannot be missed
    biased = []
    for seed in range(20):
        y, p, _, _ = sample(n, accounts, rate, (0.0, 1.0), seed)
        place = bins_of(p, np.ones(n), BINS)
        weight = np.bincount(place)
        biased.append((weight * (np.bincount(place, p - y) / weight) ** 2).sum() / n)
    assert off.mean() < np.mean(biased) / 2  # clipped at 0, yet far below what noise makes


@pytest.mark.parametrize("wrong", [(0.7, 1.0), (0.5, 0.7)])
def test_of_wrong_scores_it_finds_the_true_error(wrong: tuple[float, float]) -> None:
    inside, off = held(1200, 400, 0.12, wrong)
    assert 0.89 <= inside.mean() <= 0.995
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(RUNS)  # not biased


def test_of_independent_rows_it_is_the_published_debiased_error() -> None:
    # Kumar, Liang and Ma 2019: of each bin's squared distance the variance of its mean is taken
    # off; where a bin holds one probability that is r(1 − r)/(n − 1) of its rate r
    random = np.random.default_rng(1)
    p = np.repeat([0.1, 0.3, 0.6], 400)
    y = (random.random(1200) < np.repeat([0.2, 0.3, 0.45], 400)).astype(np.float64)
    squared = 0.0
    for told in (0.1, 0.3, 0.6):
        rate = y[p == told].mean()
        squared += ((rate - told) ** 2 - rate * (1 - rate) / 399) / 3
    got = calibration_error(y, p)
    assert got.value**2 == pytest.approx(squared, rel=0.01)  # groups are counted over all bins
    assert got.low < got.value < got.high


def test_copies_within_an_account_add_no_certainty() -> None:
    y, p, _, _ = sample(400, 400, 0.2, (0.5, 1.0), 3)
    ids = np.arange(400)
    one = calibration_error(y, p, ids)
    other = calibration_error(np.tile(y, 3), np.tile(p, 3), np.tile(ids, 3))
    weighed = calibration_error(y, p, ids, np.full(400, 2.5))
    for got in (other, weighed):
        assert (got.value, got.low, got.high) == pytest.approx((one.value, one.low, one.high))


ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1), st.integers(0, 5), st.floats(0, 3)), min_size=1
)


@settings(deadline=None, max_examples=50)
@given(ROWS, st.integers(1, 20))
def test_bounds_enclose_the_value_whatever_the_order(
    rows: list[tuple[int, float, int, float]], bins: int
) -> None:
    y, p, groups, w = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    got = calibration_error(y, p, groups, w, bins=bins)
    if not w.sum():
        assert np.isnan([got.value, got.low, got.high]).all()
        return
    turned = calibration_error(y[::-1], p[::-1], groups[::-1], w[::-1], bins=bins)
    assert got.value == pytest.approx(turned.value, abs=1e-6)
    if len(np.unique(groups)) > 1:
        assert 0 <= got.low <= got.value <= got.high
    else:
        assert np.isnan(got.low)


def test_a_higher_level_is_wider() -> None:
    y, p, groups, _ = sample(600, 200, 0.2, (1.2, 1.0), 5)
    narrow, wide = (calibration_error(y, p, groups, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="bins"):
        calibration_error([1], [0.5], bins=0)
    with pytest.raises(ValueError, match="level"):
        calibration_error([1], [0.5], level=1.0)
    with pytest.raises(ValueError, match="groups"):
        calibration_error([1, 0], [0.5, 0.5], np.zeros(3))
    with pytest.raises(ValueError, match="probability"):
        calibration_error([1], [1.5])
