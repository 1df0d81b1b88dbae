"""All draws at once equal the draws one by one; shares at their ends are not called certain."""

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from domain.measurement import Interval
from measures import resampling
from measures.bootstrap import Metric, bootstrap, difference, paired_bootstrap, wilson
from measures.calibration import brier
from measures.ranking import auroc, average_precision, lift_at, precision_at, recall_at
from measures.resampling import Resampling, share_of

Array = NDArray[np.float64]
SHARES = (0.01, 0.1, 0.37, 1.0)


def sample(n: int = 400) -> tuple[Array, Array, NDArray[np.int64]]:
    random = np.random.default_rng(4)
    y = (random.random(n) < 0.2).astype(np.float64)
    s = np.clip(np.round(random.normal(0.3 + 0.2 * y, 0.2), 2), 0, 1)  # with ties
    return y, s, random.integers(0, n // 4, n)


def same(a: Interval, b: Interval) -> None:
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-9)


def named() -> dict[str, Metric]:
    at: dict[str, Metric] = {"auroc": auroc, "average_precision": average_precision}
    for share in SHARES:
        for name, metric in (("precision", precision_at), ("recall", recall_at), ("lift", lift_at)):
            at[f"{name}_at_{100 * share:g}pct"] = partial(metric, share=share)
    return at


@pytest.mark.parametrize("cells", [1, 5_000, resampling.CELLS])
def test_rankings_equal_the_bootstrap_draw_by_draw(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "CELLS", cells)
    y, s, groups = sample()
    found = Resampling(groups, len(y), seed=7, draws=60).ranking(y, s, SHARES)
    assert set(found) == set(named())
    for name, metric in named().items():
        same(found[name].interval(), bootstrap(metric, y, s, groups, draws=60, seed=7))


def test_weights_are_those_of_the_measures() -> None:
    y, s, groups = sample()
    w = np.random.default_rng(5).exponential(size=len(y))
    drawn = Resampling(groups, len(y), seed=7, draws=10, w=w)
    found = drawn.ranking(y, s, SHARES)
    for name, metric in named().items():
        assert found[name].value == pytest.approx(metric(y, s, w=w), abs=1e-9)
    assert drawn.mean((s - y) ** 2).value == pytest.approx(brier(y, s, w), abs=1e-12)
    among = s > 0.5
    assert drawn.mean(y, among).value == pytest.approx(np.average(y[among], weights=w[among]))


def test_means_and_differences_are_on_the_same_draws() -> None:
    y, s, groups = sample()
    other = np.clip(s + np.random.default_rng(6).normal(0, 0.1, len(y)), 0, 1)
    drawn = Resampling(groups, len(y), seed=3, draws=80)
    mine, theirs = drawn.mean((s - y) ** 2), drawn.mean((other - y) ** 2)
    same(mine.interval(), bootstrap(brier, y, s, groups, draws=80, seed=3))
    paired = paired_bootstrap(brier, y, other, s, groups, draws=80, seed=3)
    same((mine - theirs).interval(), paired)
    a, b = (drawn.ranking(y, each, ())["auroc"] for each in (s, other))
    same((a - b).interval(), paired_bootstrap(auroc, y, other, s, groups, draws=80, seed=3))


def test_one_class_and_one_group_are_not_numbers() -> None:
    y, s, groups = sample(40)
    one_class = Resampling(groups, 40, seed=1, draws=10).ranking(np.zeros(40), s, (0.1,))
    assert np.isnan(one_class["auroc"].value)
    assert np.isnan(one_class["lift_at_10pct"].value)
    one_group = Resampling(np.zeros(40), 40, seed=1, draws=10).ranking(y, s, ())["auroc"]
    assert one_group.value == auroc(y, s)
    assert np.isnan(one_group.interval().low)
    assert np.isnan(Resampling(groups, 40, seed=1).mean(y, np.zeros(40)).value)


def test_effective_rows_are_no_more_than_groups() -> None:
    groups = np.repeat(np.arange(5), 8)
    drawn = Resampling(groups, 40, seed=1, draws=5)
    every, some = np.ones(40), (np.arange(40) < 12).astype(np.float64)
    sizes = drawn.effective(np.stack([every, some, np.zeros(40)], axis=1))
    assert sizes.tolist() == pytest.approx([5.0, 144 / (64 + 16), 0.0])


@pytest.mark.parametrize(("found", "rows"), [(0, 12), (12, 12), (3, 40), (1, 7)])
def test_wilson_equals_statsmodels(found: int, rows: int) -> None:
    low, high = proportion_confint(found, rows, alpha=0.1, method="wilson")
    got = wilson(found / rows, rows, 0.9)
    assert (got.low, got.high) == pytest.approx((low, high), abs=1e-9)


def test_a_share_of_none_is_not_certain() -> None:
    drawn = Resampling(np.arange(30), 30, seed=1, draws=20)
    assert share_of(drawn.mean(np.zeros(30)), 30).high > 0.05
    y = (np.arange(30) < 10).astype(np.float64)
    assert share_of(drawn.mean(y), 30) == drawn.mean(y).interval()


def test_a_difference_without_draws_adds_squares() -> None:
    a = Interval(value=0.2, low=0.1, high=0.4)
    b = Interval(value=0.5, low=0.3, high=0.6)
    got = difference(a, b)
    assert (got.value, got.low, got.high) == pytest.approx(
        (0.3, 0.3 - np.hypot(0.2, 0.2), 0.3 + np.hypot(0.1, 0.1))
    )
