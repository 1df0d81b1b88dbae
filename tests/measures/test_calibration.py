"""Calibration measures against scikit-learn, and Murphy's identity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from measures.calibration import (
    brier,
    decompose,
    log_loss,
    reliability_curve,
)

Array = NDArray[np.float64]
Rows = list[tuple[int, float, int]]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        st.integers(0, 4),
    ),
    min_size=1,
).filter(lambda rows: any(w for _, _, w in rows))


def unzip(rows: Rows) -> tuple[Array, Array, Array]:
    y, p, w = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return y, p, w


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_equals_scikit_learn(rows: Rows) -> None:
    y, p, w = unzip(rows)
    theirs = brier_score_loss(y, p, sample_weight=w, labels=[0, 1], pos_label=1)
    assert brier(y, p, w) == pytest.approx(theirs, abs=1e-12)
    theirs = sklearn_log_loss(y, p, sample_weight=w, labels=[0, 1])
    assert log_loss(y, p, w) == pytest.approx(theirs, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(ROWS, st.none() | st.integers(1, 20))
def test_the_parts_add_up_to_the_brier_score(rows: Rows, bins: int | None) -> None:
    y, p, w = unzip(rows)
    parts = decompose(y, p, w, bins=bins)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert total == pytest.approx(brier(y, p, w), abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0


def test_golden_decomposition() -> None:
    # two forecasts, 0.2 and 0.7; of the first 1 in 4 happen, of the second 3 in 4
    y, p = [1, 0, 0, 0, 1, 1, 1, 0], [0.2] * 4 + [0.7] * 4
    parts = decompose(y, p)
    assert parts.reliability == pytest.approx(0.05**2)
    assert parts.resolution == pytest.approx(0.25**2)
    assert parts.uncertainty == 0.25


@settings(deadline=None, max_examples=50)
@given(ROWS, st.integers(1, 20))
def test_bins_do_not_depend_on_order_or_on_how_rows_are_repeated(rows: Rows, bins: int) -> None:
    y, p, w = unzip(rows)
    times = w.astype(np.int64)
    one = reliability_curve(y[::-1], p[::-1], w[::-1], bins=bins)
    other = reliability_curve(np.repeat(y, times), np.repeat(p, times), bins=bins)
    np.testing.assert_allclose(one.predicted, other.predicted)
    np.testing.assert_allclose(one.observed, other.observed)
    np.testing.assert_allclose(one.weight, other.weight)
    assert len(one.weight) <= bins
    assert np.all(np.diff(one.predicted) > -1e-12)


def test_bins_of_distinct_probabilities_have_equal_mass() -> None:
    p = np.random.default_rng(1).permutation(np.arange(1500) / 1500)
    assert reliability_curve(np.zeros(1500), p).weight.tolist() == [100.0] * 15


def test_certain_and_wrong_is_clipped() -> None:
    assert log_loss([1], [0.0]) == pytest.approx(-np.log(np.finfo(np.float64).eps))
    assert log_loss([1, 0], [1.0, 0.0]) == pytest.approx(0, abs=1e-15)


def test_without_rows_nothing_is_known() -> None:
    empty: list[float] = []
    assert np.isnan(brier(empty, empty))
    assert np.isnan(log_loss(empty, empty))
    assert np.isnan(decompose(empty, empty).uncertainty)
    assert np.isnan(brier([1, 0], [0.5, 0.5], [0, 0]))


@pytest.mark.parametrize("p", [-0.1, 1.1, float("inf")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        brier([1], [p])


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="bins"):
        reliability_curve([1], [0.5], bins=0)
