"""Net benefit: its definition, counted by hand, and what follows from it."""

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from hypothesis import given, settings
from hypothesis import strategies as st

from measures.utility import decision_curve, net_benefit

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.integers(1, 3)),
    min_size=1,
)
THRESHOLDS = st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5, 0.99])


@settings(deadline=None, max_examples=50)
@given(ROWS, THRESHOLDS)
def test_equals_the_count(rows: list[tuple[int, float, int]], t: float) -> None:
    n = sum(w for _, _, w in rows)
    true = sum(w for y, p, w in rows if p >= t and y == 1)
    false = sum(w for y, p, w in rows if p >= t and y == 0)
    y, p, w = (np.array(column) for column in zip(*rows, strict=True))
    expected = true / n - false / n * t / (1 - t)
    assert net_benefit(y, p, t, w) == pytest.approx(expected, abs=1e-9)


def test_golden_curve() -> None:
    curve = decision_curve([1, 1, 0, 0, 0], [0.9, 0.4, 0.4, 0.2, 0.1], [0.0, 0.25, 0.5])
    np.testing.assert_allclose(curve.score, [0.4, 0.4 - 0.2 / 3, 0.2])
    np.testing.assert_allclose(curve.everyone, [0.4, 0.4 - 0.6 / 3, 0.4 - 0.6])


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_at_threshold_0_everyone_is_acted_on(rows: list[tuple[int, float, int]]) -> None:
    y, p, w = (np.array(column) for column in zip(*rows, strict=True))
    curve = decision_curve(y, p, [0.0], w)
    assert curve.score[0] == curve.everyone[0] == pytest.approx((w @ y) / w.sum())


def test_without_rows_it_is_not_a_number() -> None:
    assert np.isnan(net_benefit([], [], 0.5))


@pytest.mark.parametrize("t", [-0.1, 1.0, float("nan")])
def test_bad_thresholds_are_refused(t: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        net_benefit([1], [0.5], t)


def test_equals_dcurves() -> None:
    random = np.random.default_rng(1)
    y = (random.random(800) < 0.2).astype(int)
    p = np.clip(0.2 + 0.2 * y + random.normal(0, 0.15, 800), 0.001, 0.999)
    cuts = np.array([0.03, 0.11, 0.27, 0.42, 0.66])
    theirs = dca(
        data=pd.DataFrame({"y": y, "p": p}), outcome="y", modelnames=["p"], thresholds=cuts
    )
    curve = decision_curve(y, p, cuts)
    for name, mine in (("p", curve.score), ("all", curve.everyone), ("none", 0 * cuts)):
        told = theirs[theirs["model"] == name].sort_values("threshold")["net_benefit"]
        np.testing.assert_allclose(mine, told.to_numpy(), atol=1e-9)
