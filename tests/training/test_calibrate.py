"""Calibrators: monotone whatever the data, right where the truth is known, chosen on later time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from domain.scores import Calibrator, logistic
from measures.calibration import brier, log_loss
from measures.calibration_error import calibration_error
from measures.ranking import auroc, average_precision
from training.model.calibrate import KINDS, TILT, CalibratorKind, choose, fit_calibrators

Array = NDArray[np.float64]

GRID = np.linspace(-40, 40, 2001)
ROWS = st.lists(
    st.tuples(st.floats(-30, 30), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=60
)


def sample(n: int, truth: Calibrator, seed: int) -> tuple[Array, Array]:
    """Margins and labels whose probability is what `truth` makes of the margin."""
    random = np.random.default_rng(seed)
    margins = random.normal(-1.5, 1.5, n)
    return margins, (random.random(n) < truth.apply(margins)).astype(np.float64)


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_every_kind_is_non_decreasing_and_a_probability(rows: list[tuple[float, int, int]]) -> None:
    m, y, w = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    for one in fit_calibrators(m, y, w).values():
        p = one.apply(GRID)
        assert np.all(np.isfinite(p))
        assert np.all((p >= 0) & (p <= 1))
        assert np.all(np.diff(p) >= -1e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_reversed_scores_never_give_a_falling_map(kind: CalibratorKind, seed: int) -> None:
    m, y = sample(400, Calibrator(), seed)
    one = fit_calibrators(-m, y)[kind]
    assert np.all(np.diff(one.apply(GRID)) >= -1e-15)


def test_platt_finds_slope_and_shift() -> None:
    m, y = sample(60_000, Calibrator(kind="platt", coefficients=(0.6, -0.8)), 1)
    a, b = fit_calibrators(m, y)["platt"].coefficients
    assert a == pytest.approx(0.6, abs=0.03)
    assert b == pytest.approx(-0.8, abs=0.03)


def test_platt_equals_logistic_regression_but_for_its_softened_targets() -> None:
    m, y = sample(20_000, Calibrator(), 2)
    w = np.random.default_rng(3).exponential(size=len(m))
    a, b = fit_calibrators(m, y, w)["platt"].coefficients
    positive, negative = w @ y, w @ (1 - y)
    # a softened target is a row of each class, weighted
    high, low = (positive + 1) / (positive + 2), 1 / (negative + 2)
    share = np.where(y == 1, high, low)
    model = LogisticRegression(C=1e12, tol=1e-12, max_iter=1000).fit(
        np.concatenate([m, m])[:, None],
        np.concatenate([np.ones(len(m)), np.zeros(len(m))]),
        np.concatenate([w * share, w * (1 - share)]),
    )
    assert a == pytest.approx(model.coef_[0, 0], abs=1e-4)
    assert b == pytest.approx(model.intercept_[0], abs=1e-4)


def test_beta_finds_its_coefficients() -> None:
    truth = Calibrator(kind="beta", coefficients=(0.5, 1.5, -0.3))
    m, y = sample(100_000, truth, 4)
    one = fit_calibrators(m, y)["beta"]
    assert one.kind == "beta"
    p = np.linspace(-4, 2, 50)
    np.testing.assert_allclose(one.apply(p), truth.apply(p), atol=0.01)


def test_isotonic_equals_scikit_learn() -> None:
    m, y = sample(3000, Calibrator(), 5)
    m = np.round(m, 2)
    w = np.random.default_rng(6).integers(0, 4, len(m)).astype(np.float64)
    edge = 1.0 / (w.sum() + 2.0)
    model = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(m, y, w)
    chance = fit_calibrators(m, y, w)["isotonic"].apply(GRID)
    expected = (1 - TILT) * model.predict(GRID) + TILT * logistic(GRID)
    np.testing.assert_allclose(chance, expected, atol=1e-12)
    assert 0 < chance.min() < chance.max() < 1


@pytest.mark.parametrize("kind", KINDS)
def test_ranking_is_untouched(kind: CalibratorKind) -> None:
    m, y = sample(3000, Calibrator(kind="platt", coefficients=(0.6, -0.5)), 15)
    fresh, labels = sample(5000, Calibrator(), 16)
    chance = fit_calibrators(m, y)[kind].apply(fresh)
    assert len(np.unique(chance)) == len(np.unique(fresh))
    assert auroc(labels, chance) == auroc(labels, fresh)
    assert average_precision(labels, chance) == average_precision(labels, fresh)


def test_an_isotonic_calibrator_of_old_says_what_it_said() -> None:
    old = Calibrator(kind="isotonic", x=(-1.0, 1.0), y=(0.2, 0.4))
    np.testing.assert_allclose(old.apply(np.array([-2.0, 0.0, 3.0])), [0.2, 0.3, 0.4], atol=1e-15)


def test_integer_weights_stand_for_repeated_rows() -> None:
    m, y = sample(500, Calibrator(), 7)
    w = np.random.default_rng(8).integers(0, 4, 500)
    weighted = fit_calibrators(m, y, w.astype(np.float64))
    repeated = fit_calibrators(np.repeat(m, w), np.repeat(y, w))
    for kind in KINDS:
        np.testing.assert_allclose(
            weighted[kind].apply(GRID), repeated[kind].apply(GRID), atol=1e-5
        )


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_leaves_the_scores_as_they_are(label: float) -> None:
    fitted = fit_calibrators(np.arange(20.0), np.full(20, label))
    assert {one.kind for one in fitted.values()} == {"none"}
    # a class without weight is none
    y = np.array([1 - label, *[label] * 19])
    fitted = fit_calibrators(np.arange(20.0), y, np.array([0.0, *[1.0] * 19]))
    assert {one.kind for one in fitted.values()} == {"none"}


def test_few_positives_are_not_trusted_with_more_than_a_shrunk_platt() -> None:
    m = np.concatenate([np.full(3, 2.0), np.full(200, -2.0)])
    y = np.concatenate([np.ones(3), np.zeros(200)])
    fitted = fit_calibrators(m, y)
    assert [fitted[kind].kind for kind in KINDS] == ["none", "none", "platt", "platt", "platt"]
    assert 0.5 < fitted["platt"].coefficients[0] < 1.6
    enough = fit_calibrators(np.concatenate([m, np.full(7, 2.0)]), np.concatenate([y, np.ones(7)]))
    assert [enough[kind].kind for kind in KINDS] == ["none", "none", "platt", "beta", "isotonic"]
    assert enough["shift"].shift != 0


def test_constant_margins_fall_back() -> None:
    fitted = fit_calibrators(np.zeros(100), (np.arange(100) < 30).astype(np.float64))
    for one in fitted.values():
        assert np.all(np.diff(one.apply(GRID)) >= -1e-15)


def test_scores_that_are_right_are_left_alone_or_as_good() -> None:
    m, y = sample(30_000, Calibrator(), 9)
    chosen, gains = choose(m, y, np.arange(30_000))
    assert chosen.kind == "none"
    assert max(gain.value for gain in gains.values()) < 1e-4
    fresh, labels = sample(50_000, Calibrator(), 10)
    assert brier(labels, chosen.apply(fresh)) - brier(labels, logistic(fresh)) < 1e-3


def test_scores_that_are_wrong_are_put_right() -> None:
    truth = Calibrator(kind="platt", coefficients=(0.5, -1.0))
    m, y = sample(20_000, truth, 11)
    chosen, gains = choose(m, y, np.arange(20_000))
    assert chosen.kind != "none"
    assert set(gains) == set(KINDS) - {"none"}
    fresh, labels = sample(50_000, truth, 12)
    assert calibration_error(labels, chosen.apply(fresh)).value < 0.02
    assert calibration_error(labels, logistic(fresh)).low > 0.05


def test_later_rows_never_judge_what_they_were_fitted_on() -> None:
    # up to the last quarter the best map is steep, then it is the logistic function: only judging
    # on later time, and not on the rows fitted, can tell
    m, y = sample(4000, Calibrator(kind="platt", coefficients=(4.0, 6.0)), 13)
    later, labels = sample(4000, Calibrator(), 14)
    times = np.concatenate([np.zeros(4000), np.ones(4000)]).astype(np.int64)
    order = np.random.default_rng(15).permutation(8000)
    chosen, gains = choose(
        np.concatenate([m, later])[order], np.concatenate([y, labels])[order], times[order]
    )
    assert chosen.kind == "none"
    early = fit_calibrators(m, y)["platt"]
    less = log_loss(labels, logistic(later)) - log_loss(labels, early.apply(later))
    assert gains["platt"].value == pytest.approx(less, abs=1e-6)
    assert gains["platt"].high < 0


def test_order_of_rows_does_not_matter() -> None:
    m, y = sample(2000, Calibrator(), 16)
    times = np.random.default_rng(17).integers(0, 50, 2000)
    order = np.random.default_rng(18).permutation(2000)
    _, one = choose(m, y, times)
    _, other = choose(m[order], y[order], times[order])
    for kind in one:
        assert one[kind].value == pytest.approx(other[kind].value, abs=1e-6)


def test_rows_of_one_moment_are_judged_by_company() -> None:
    at, groups = np.zeros(3000, dtype=np.int64), np.arange(3000) // 2
    m, y = sample(3000, Calibrator(), 19)
    assert choose(m, y, at, groups=groups)[0].kind == "none"
    m, y = sample(3000, Calibrator(kind="platt", coefficients=(0.4, -1.0)), 19)
    assert choose(m, y, at, groups=groups)[0].kind != "none"


def test_a_calibrator_that_is_not_needed_is_seldom_taken() -> None:
    taken = [
        choose(*sample(1500, Calibrator(), 100 + seed), np.arange(1500), seed=seed)[0].kind
        for seed in range(40)
    ]
    assert sum(kind != "none" for kind in taken) <= 5


def test_a_calibrator_moves_with_all_rows_of_one_company_or_not_at_all() -> None:
    m, y = sample(2000, Calibrator(), 21)
    groups = np.minimum(np.arange(2000), 1000)  # one company has half of the rows, all won
    wrong = np.where(groups == 1000, 1.0, y)
    assert choose(m, wrong, np.arange(2000) % 50, groups=groups)[0].kind == "none"


def test_what_cannot_be_is_refused() -> None:
    m, y = np.zeros(3), np.zeros(3)
    with pytest.raises(ValueError, match="labels"):
        fit_calibrators(m, y[:2])
    with pytest.raises(ValueError, match="label"):
        fit_calibrators(m, y + 2)
    with pytest.raises(ValueError, match="margin"):
        fit_calibrators(m + np.inf, y)
    with pytest.raises(ValueError, match="weight"):
        fit_calibrators(m, y, y - 1)
    with pytest.raises(ValueError, match="folds"):
        choose(m, y, np.arange(3), folds=0)
    with pytest.raises(ValueError, match="margins"):
        fit_calibrators(m[:0], y[:0])
