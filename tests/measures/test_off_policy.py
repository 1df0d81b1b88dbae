"""Off-policy values: against formulas written out, unbiased, and within their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measures.off_policy import (
    betting_bounds,
    crossed_ridge,
    doubly_robust_terms,
    effective_rows,
    importance_weights,
    inverse_propensity_terms,
    mean_bounds,
    off_policy_value,
    self_normalised,
)

ROWS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.floats(0.05, 1.0),
        st.booleans(),
        st.floats(-1, 2),
        st.floats(-1, 2),
    ),
    min_size=1,
    max_size=60,
)


def by_hand(
    rows: list[tuple[int, float, bool, float, float]],
) -> tuple[float, float | None, float]:
    """IPS, SNIPS and DR as the Open Bandit Pipeline defines them, one row after another."""
    ips = dr = weighted = total = 0.0
    for reward, propensity, taken, drawn, model in rows:
        weight = (1.0 if taken else 0.0) / propensity
        ips += weight * reward
        dr += model + weight * (reward - drawn)
        weighted += weight * reward
        total += weight
    return ips / len(rows), weighted / total if total else None, dr / len(rows)


@given(ROWS)
def test_formulas_written_out(rows: list[tuple[int, float, bool, float, float]]) -> None:
    reward, propensity, taken, drawn, model = (
        np.array(c, dtype=float) for c in zip(*rows, strict=True)
    )
    weight = importance_weights(taken, propensity)
    ips, snips, dr = by_hand(rows)
    assert inverse_propensity_terms(reward, weight).mean() == pytest.approx(ips, abs=1e-9)
    terms = doubly_robust_terms(reward, weight, drawn, model)
    assert terms.mean() == pytest.approx(dr, abs=1e-9)
    ratio, influence = self_normalised(reward, weight)
    if snips is None:
        assert np.isnan(ratio)
    else:
        assert ratio == pytest.approx(snips, abs=1e-9)
        assert influence.mean() == pytest.approx(0, abs=1e-9)
    assert effective_rows(weight) <= len(rows) + 1e-9


def test_a_wrong_model_leaves_the_doubly_robust_value_right() -> None:
    rng = np.random.default_rng(3)
    action, n = rng.integers(0, 4, 40_000), 40_000
    reward = (rng.random(n) < 0.1 + 0.1 * (action == 2)).astype(float)
    weight = importance_weights(action == 2, np.full(n, 0.25))
    lying = doubly_robust_terms(reward, weight, np.full(n, 0.9), np.full(n, 0.9))
    assert lying.mean() == pytest.approx(0.2, abs=4 * lying.std() / n**0.5)


def test_a_good_model_makes_bounds_closer() -> None:
    rng = np.random.default_rng(4)
    n = 4_000
    eager = rng.random(n) < 0.5
    action = rng.integers(0, 4, n)
    chance = np.where(eager, 0.9, 0.05)
    reward = (rng.random(n) < chance).astype(float)
    weight = importance_weights(action == 1, np.full(n, 0.25))
    value = off_policy_value(reward, weight, chance, chance, np.arange(n))
    inverse, robust = value.inverse_propensity, value.doubly_robust
    assert robust.high - robust.low < 0.6 * (inverse.high - inverse.low)
    assert robust.low < chance.mean() < robust.high


def test_bounds_of_any_size_hold_at_every_look() -> None:
    """At 30 looks of 200 runs with heavy weights, 5% of the runs may miss at most."""
    rng, missed = np.random.default_rng(5), 0
    for _ in range(200):
        taken = rng.random(300) < 0.05
        reward = (rng.random(300) < 0.3).astype(float)
        weight = importance_weights(taken, np.full(300, 0.05))
        terms, mirrored = weight * reward, weight * (1 - reward)
        looks = range(10, 301, 10)
        each = [betting_bounds(terms[:n], mirrored=mirrored[:n]) for n in looks]
        missed += not all(one.low <= 0.3 <= one.high for one in each)
    assert missed <= 10


def test_bounds_of_any_size_close_in() -> None:
    rng = np.random.default_rng(6)
    reward = (rng.random(20_000) < 0.3).astype(float)
    weight = importance_weights(rng.random(20_000) < 0.5, np.full(20_000, 0.5))
    bounds = betting_bounds(weight * reward, mirrored=weight * (1 - reward))
    assert 0.2 < bounds.low < 0.3 < bounds.high < 0.4


def test_few_units_bound_nothing() -> None:
    bounds = mean_bounds(np.ones(50), np.arange(50))
    assert bounds.low == -np.inf
    assert bounds.high == np.inf


def test_crossed_ridge_does_not_see_the_unit_that_it_tells_of() -> None:
    """A unit's own reward may be anything: what is told of it stays."""
    rng = np.random.default_rng(7)
    rows = np.hstack([np.ones((60, 1)), rng.normal(size=(60, 2))])
    units, reward = np.repeat(np.arange(20), 3), rng.random(60)
    (before,) = crossed_ridge(rows, reward, units, (rows,))
    changed = np.where(units == 7, reward + 100, reward)
    (after,) = crossed_ridge(rows, changed, units, (rows,))
    assert np.allclose(before[units == 7], after[units == 7], atol=1e-12)
    assert not np.allclose(before[units == 8], after[units == 8])


def test_a_propensity_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="propensity"):
        importance_weights([1], [0.0])
