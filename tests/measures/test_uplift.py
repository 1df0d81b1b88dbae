"""Uplift: formulas written out as scikit-uplift has them, and ranks beside the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measures.uplift import gain_curve, pseudo_outcomes, qini_coefficient, qini_curve

LEADS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from([-0.1, 0.0, 0.1, 0.3, 0.5])),
    min_size=1,
    max_size=40,
)


def by_hand(leads: list[tuple[int, int, float]]) -> list[tuple[float, float]]:
    """scikit-uplift's qini_curve: at each distinct uplift, Y_t − Y_c · N_t / N_c of those above."""
    curve = [(0.0, 0.0)]
    for threshold in sorted({uplift for *_, uplift in leads}, reverse=True):
        above = [(y, t) for y, t, uplift in leads if uplift >= threshold]
        treated, others = [y for y, t in above if t], [y for y, t in above if not t]
        scaled = sum(others) * len(treated) / len(others) if others else 0.0
        curve.append((float(len(above)), sum(treated) - scaled))
    return curve


@given(LEADS)
def test_the_qini_curve_written_out(leads: list[tuple[int, int, float]]) -> None:
    y, treated, uplift = (np.array(column, dtype=float) for column in zip(*leads, strict=True))
    curve = qini_curve(y, treated, uplift)
    pairs = np.stack([curve.targeted, curve.gained], axis=1)
    np.testing.assert_allclose(pairs, by_hand(leads), atol=1e-9)


def test_the_coefficient_is_the_area_between_curve_and_line() -> None:
    rng = np.random.default_rng(1)
    pseudo, uplift = rng.normal(size=500), rng.permutation(500).astype(float)
    curve = gain_curve(pseudo, uplift)
    area = np.trapezoid(curve.gained, curve.targeted) - curve.gained[-1] / 2
    coefficient = qini_coefficient(pseudo, uplift, np.arange(500)).value
    assert coefficient == pytest.approx(area, abs=1e-9)


def test_bounds_hold_the_coefficient_of_the_population() -> None:
    """Of 200 samples, a given prediction's coefficient lies within its bounds in 95% at least."""
    rng, within = np.random.default_rng(2), 0
    # uplift u of uniform, told exactly: E[(u − 1/2) u] = 1/12
    for _ in range(200):
        uplift = rng.random(400)
        pseudo = uplift + rng.normal(scale=1.0, size=400)
        bounds = qini_coefficient(pseudo, uplift, np.arange(400))
        within += bounds.low <= 1 / 12 <= bounds.high
    assert within >= 190


def test_any_order_has_none() -> None:
    rng = np.random.default_rng(3)
    pseudo = 0.2 + rng.normal(size=5_000)
    bounds = qini_coefficient(pseudo, rng.random(5_000), np.arange(5_000))
    assert bounds.low < 0 < bounds.high
    assert abs(qini_coefficient(pseudo, np.zeros(5_000), np.arange(5_000)).value) < 1e-12


def test_pseudo_outcomes_are_right_where_models_are_wrong() -> None:
    rng, n = np.random.default_rng(4), 60_000
    chance = rng.choice([0.2, 0.7], n)
    treated = rng.random(n) < chance
    y = (rng.random(n) < 0.1 + 0.15 * treated).astype(float)
    values = pseudo_outcomes(y, treated, chance, np.full(n, 0.9), np.full(n, 0.4))
    assert values.mean() == pytest.approx(0.15, abs=4 * values.std() / n**0.5)
    with pytest.raises(ValueError, match="chance"):
        pseudo_outcomes([1], [1], [1.0], [0.5], [0.5])
