"""The confidence sequence: few false alarms however often one looks, and power all the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma

from measures.confidence_sequences import (
    _boundary,
    _log_mixture,
    arm_differences,
    confidence_sequence,
)

LOOKS = np.arange(50, 2001, 50)
DAYS = np.arange(1, 31) * 200


def alarms(champion: float, challenger: float, *, runs: int, share: float = 0.5) -> float:
    """The share of runs of 30 days in which some day's bounds leave 0 out."""
    random = np.random.default_rng(5)
    count = 0
    for _ in range(runs):
        arm = random.random(DAYS[-1]) < share
        y = random.random(DAYS[-1]) < np.where(arm, challenger, champion)
        seen = confidence_sequence(
            arm_differences(y, arm, share), lower=-1 / (1 - share), upper=1 / share, looks=DAYS
        )
        count += bool(np.any((seen.low > 0) | (seen.high < 0)))
    return count / runs


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_equal_arms_looked_at_daily_raise_few_alarms(rate: float) -> None:
    assert alarms(rate, rate, runs=200) <= 0.05


def test_a_small_canary_raises_few_alarms() -> None:
    assert alarms(0.1, 0.1, runs=200, share=0.1) <= 0.05


def test_unequal_arms_are_told_apart() -> None:
    assert alarms(0.10, 0.16, runs=50) >= 0.9


def test_paired_differences_of_brier_scores_raise_few_alarms() -> None:
    random = np.random.default_rng(6)
    count = 0
    for _ in range(200):
        y = random.random(2000) < 0.1
        a, b = random.uniform(0.05, 0.15, (2, 2000))
        seen = confidence_sequence((b - y) ** 2 - (a - y) ** 2, lower=-1, upper=1, looks=LOOKS)
        count += bool(np.any((seen.low > 0) | (seen.high < 0)))
    assert count / 200 <= 0.05


def test_bounds_follow_a_mean_that_moves() -> None:
    random = np.random.default_rng(7)
    truth = np.concatenate([np.full(1000, 0.2), np.full(3000, 0.8)])
    so_far = np.cumsum(truth) / np.arange(1, 4001)
    for _ in range(50):
        seen = confidence_sequence(random.random(4000) < truth, lower=0, upper=1, looks=LOOKS * 2)
        assert np.all((seen.low <= so_far[LOOKS * 2 - 1]) & (so_far[LOOKS * 2 - 1] <= seen.high))


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 50), st.floats(0, 100), st.floats(0.1, 20))
def test_the_mixture_equals_its_integral(s: float, v: float, rho: float) -> None:
    def integrand(u: float) -> float:  # u = 1 − λ; −ψ(λ) = ln u + 1 − u
        return float(np.exp((1 - u) * s + v * (np.log(u) + 1 - u) + prior.logpdf(u) - peak))

    prior = gamma(rho, scale=1 / rho)
    got = float(_log_mixture(np.array([s]), np.array([v]), rho)[0])
    peak = max(got, 0.0)
    expected, _ = quad(integrand, 0, 1, limit=500)
    assert np.exp(got - peak) == pytest.approx(expected / prior.cdf(1), rel=1e-4, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1e4), st.floats(0.1, 100), st.sampled_from([0.2, 0.05, 0.001]))
def test_the_boundary_is_where_the_mixture_reaches_its_level(
    v: float, tuned: float, alpha: float
) -> None:
    rho = tuned / (2 * np.log(1 / alpha) + np.log1p(2 * np.log(1 / alpha)))
    at = _boundary(np.array([v]), tuned, alpha)
    reached = _log_mixture(at, np.array([v]), rho)
    assert reached[0] == pytest.approx(np.log(2 / alpha), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1, 2), min_size=1, max_size=50))
def test_bounds_hold_the_mean_and_mirror(values: list[float]) -> None:
    seen = confidence_sequence(values, lower=-1, upper=2)
    assert np.all((seen.low <= seen.value + 1e-12) & (seen.value <= seen.high + 1e-12))
    assert np.all((seen.low >= -1) & (seen.high <= 2))
    turned = confidence_sequence(-np.array(values), lower=-2, upper=1)
    np.testing.assert_allclose(turned.high, -seen.low, atol=1e-9)
    assert seen.last.value == pytest.approx(float(np.mean(values)))


def test_looks_only_choose_what_is_shown() -> None:
    values = np.random.default_rng(8).random(100)
    every = confidence_sequence(values, lower=0, upper=1)
    some = confidence_sequence(values, lower=0, upper=1, looks=[10, 100])
    np.testing.assert_array_equal(every.low[[9, 99]], some.low)
    assert some.looks.tolist() == [10, 100]


def test_propensity_weights_are_unbiased() -> None:
    assert arm_differences([1, 1, 0], [True, False, True], 0.25).tolist() == [4, -4 / 3, 0]


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ([0.5, 2.0], {}),
        ([0.5, float("nan")], {}),
        ([0.5], {"lower": 1.0}),
        ([0.5], {"level": 1.0}),
        ([0.5], {"tuned": 0.0}),
        ([0.5], {"looks": [2]}),
        ([0.5, 0.5], {"looks": [2, 1]}),
        ([], {}),
    ],
)
def test_what_cannot_be_is_refused(values: list[float], changes: dict[str, float]) -> None:
    arguments = {"lower": 0.0, "upper": 1.0} | changes
    with pytest.raises(ValueError, match=r"must|outside"):
        confidence_sequence(values, **arguments)
    with pytest.raises(ValueError, match="share"):
        arm_differences([1], [True], 1.0)
