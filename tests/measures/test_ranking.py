"""Ranking measures against scikit-learn, against repeated rows, and against brute force."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from measures.ranking import auroc, average_precision, gains, lift_at, precision_at, recall_at

Array = NDArray[np.float64]
Rows = list[tuple[int, int, int]]

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 4)), min_size=2)
SHARES = st.integers(1, 100).map(lambda percent: percent / 100)


def unzip(rows: Rows) -> tuple[Array, Array, Array]:
    y, s, w = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return y, s / 7, w


def both_classes(y: Array, w: Array) -> bool:
    return bool((w @ y) > 0 and (w @ (1 - y)) > 0)


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_equals_scikit_learn_with_ties_and_weights(rows: Rows) -> None:
    y, s, w = unzip(rows)
    if not both_classes(y, w):
        assert np.isnan(auroc(y, s, w))
        assert np.isnan(average_precision(y, s, w))
        return
    assert auroc(y, s, w) == pytest.approx(roc_auc_score(y, s, sample_weight=w), abs=1e-12)
    theirs = average_precision_score(y, s, sample_weight=w)
    assert average_precision(y, s, w) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_on_many_rows(weighted: bool) -> None:
    random = np.random.default_rng(1)
    y = (random.random(5000) < 0.1).astype(np.float64)
    s = np.round(random.normal(y), 1)
    w = random.exponential(size=5000) if weighted else None
    assert abs(auroc(y, s, w) - roc_auc_score(y, s, sample_weight=w)) < 1e-12
    theirs = average_precision_score(y, s, sample_weight=w)
    assert abs(average_precision(y, s, w) - theirs) < 1e-12


@settings(deadline=None, max_examples=50)
@given(ROWS, SHARES)
def test_weights_stand_for_repeated_rows(rows: Rows, share: float) -> None:
    y, s, w = unzip(rows)
    times = w.astype(np.int64)
    wide_y, wide_s = np.repeat(y, times), np.repeat(s, times)
    for measure in (precision_at, recall_at, lift_at):
        np.testing.assert_allclose(
            measure(y, s, share, w), measure(wide_y, wide_s, share), rtol=1e-12, equal_nan=True
        )
    np.testing.assert_allclose(auroc(y, s, w), auroc(wide_y, wide_s), rtol=1e-12, equal_nan=True)


@settings(deadline=None, max_examples=50)
@given(ROWS, SHARES, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows: Rows, share: float, random: st.DataObject) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = unzip(rows), unzip(shuffled)
    for measure in (precision_at, recall_at, lift_at):
        np.testing.assert_allclose(
            measure(one[0], one[1], share), measure(other[0], other[1], share), rtol=1e-12
        )
    assert auroc(*one[:2]) == pytest.approx(auroc(*other[:2]), nan_ok=True)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=6), SHARES)
def test_ties_count_as_the_mean_over_all_orders(rows: list[tuple[int, int]], share: float) -> None:
    size = int(np.ceil(round(share * len(rows), 9)))
    found = [
        sum(y for y, _ in sorted(order, key=lambda row: -row[1])[:size])
        for order in permutations(rows)
    ]
    y, s = np.array(rows, dtype=np.float64).T
    assert precision_at(y, s, share) == pytest.approx(float(np.mean(found)) / size, abs=1e-12)


def test_lift_counts_rows_exactly() -> None:
    # the best 1% of 150 rows are 2 rows; one of them is among the 39 positives
    y = np.zeros(150)
    y[[0, *range(2, 40)]] = 1
    assert lift_at(y, -np.arange(150.0), 0.01) == pytest.approx(0.5 * 150 / 39, abs=1e-12)


def test_shares_that_floats_miss_take_the_rows_that_were_meant() -> None:
    y = np.arange(100) < 7
    assert precision_at(y, -np.arange(100.0), 0.07) == 1.0
    assert precision_at(y, -np.arange(100.0), 0.08) == 7 / 8
    assert recall_at(y, -np.arange(100.0), 1.0) == 1.0


def test_one_class_is_not_a_number_where_two_are_needed() -> None:
    ones, zeros, s = np.ones(3), np.zeros(3), np.arange(3.0)
    for y in (ones, zeros):
        assert np.isnan(auroc(y, s))
        assert np.isnan(average_precision(y, s))
    assert np.isnan(lift_at(zeros, s, 0.5))
    assert np.isnan(recall_at(zeros, s, 0.5))
    assert precision_at(zeros, s, 0.5) == 0
    assert lift_at(ones, s, 0.5) == 1
    assert np.isnan(precision_at([], [], 0.5))


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_gains_rise_from_corner_to_corner_around_the_auroc(rows: Rows) -> None:
    y, s, w = unzip(rows)
    if not both_classes(y, w):
        return
    curve = gains(y, s, w)
    assert (curve.share[0], curve.captured[0]) == (0, 0)
    assert (curve.share[-1], curve.captured[-1]) == (1, 1)
    assert np.all(np.diff(curve.share) >= 0)
    assert np.all(np.diff(curve.captured) >= 0)
    # the area under the gains curve is rate/2 + (1 − rate)·auroc
    rate = (w @ y) / w.sum()
    area = np.trapezoid(curve.captured, curve.share)
    assert area == pytest.approx(rate / 2 + (1 - rate) * auroc(y, s, w), abs=1e-9)


@pytest.mark.parametrize(
    ("y", "s", "w"),
    [
        ([0, 1], [0.1], None),
        ([0, 2], [0.1, 0.2], None),
        ([0, 1], [0.1, np.nan], None),
        ([0, 1], [0.1, 0.2], [1, -1]),
        ([0, 1], [0.1, 0.2], [1, np.inf]),
        ([[0, 1]], [[0.1, 0.2]], None),
    ],
)
def test_bad_rows_are_refused(y: object, s: object, w: object) -> None:
    with pytest.raises(ValueError, match=r"labels|label|score|weight"):
        auroc(y, s, w)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_bad_shares_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        lift_at([0, 1], [0.1, 0.2], share)
