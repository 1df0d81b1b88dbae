"""The cluster bootstrap: the same as drawing rows, honest about clusters, and fast."""

from functools import partial
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray

from measures.bootstrap import bootstrap, paired_bootstrap
from measures.calibration import brier
from measures.ranking import auroc, lift_at

Array = NDArray[np.float64]


def sample(n: int, accounts: int, seed: int) -> tuple[Array, Array, NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    groups = random.integers(0, accounts, n)
    y = (random.random(n) < 0.2).astype(np.float64)
    return y, random.normal(y), groups


def test_equals_drawing_the_rows_of_each_group_drawn() -> None:
    y, s, groups = sample(300, 40, 1)
    names, place = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(7)
    drawn = []
    for _ in range(200):
        picked = random.integers(0, len(names), len(names))
        rows = np.concatenate([np.flatnonzero(place == g) for g in picked])
        drawn.append(auroc(y[rows], s[rows]))
    got = bootstrap(auroc, y, s, groups, draws=200, seed=7, level=0.9)
    np.testing.assert_allclose([got.low, got.high], np.quantile(drawn, [0.05, 0.95]))
    assert got.value == auroc(y, s)
    assert got.level == 0.9


def test_same_seed_same_interval_whatever_the_order_and_names() -> None:
    y, s, groups = sample(500, 50, 2)
    one = bootstrap(auroc, y, s, groups, draws=100, seed=3)
    order = np.random.default_rng(0).permutation(500)
    names = np.array([f"account-{g:03}" for g in groups])
    other = bootstrap(auroc, y[order], s[order], names[order], draws=100, seed=3)
    np.testing.assert_allclose([one.low, one.high], [other.low, other.high])
    assert bootstrap(auroc, y, s, groups, draws=100, seed=4).low != one.low


def test_copies_within_an_account_add_no_certainty() -> None:
    y, s, _ = sample(200, 200, 4)
    ids = np.arange(200)
    single = bootstrap(auroc, y, s, ids, seed=1)
    tripled = bootstrap(auroc, np.tile(y, 3), np.tile(s, 3), np.tile(ids, 3), seed=1)
    np.testing.assert_allclose([single.low, single.high], [tripled.low, tripled.high])


def test_about_the_share_promised_holds_the_truth() -> None:
    # a rate: accounts of four leads that all buy or all do not
    held = 0
    for run in range(150):
        buys = np.random.default_rng(run).random(150) < 0.3
        y = np.repeat(buys, 4).astype(np.float64)
        got = bootstrap(brier, y, np.ones(600), np.repeat(np.arange(150), 4), draws=100, seed=run)
        held += got.low <= 0.7 <= got.high
    assert 0.88 <= held / 150 <= 0.99


def test_a_pair_is_measured_on_the_same_draws() -> None:
    y, s, groups = sample(1000, 100, 5)
    same = paired_bootstrap(auroc, y, s, 2 * s + 1, groups, draws=200, seed=1)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    noise = np.random.default_rng(6).normal(size=1000)
    worse = paired_bootstrap(auroc, y, s, s + 2 * noise, groups, draws=200, seed=1)
    assert worse.value == auroc(y, s + 2 * noise) - auroc(y, s)
    assert worse.low <= worse.value <= worse.high < 0


def test_draws_of_one_class_are_left_out() -> None:
    y, s = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.9, 0.1, 0.5, 0.2])
    got = bootstrap(auroc, y, s, np.arange(4), draws=200, seed=1)
    assert (got.value, got.low, got.high) == (1, 1, 1)


@pytest.mark.parametrize("groups", [np.zeros(4), np.arange(4)])
def test_without_enough_to_draw_bounds_are_not_numbers(groups: Array) -> None:
    y = np.zeros(4) if len(np.unique(groups)) > 1 else np.array([0.0, 1, 0, 1])
    got = bootstrap(auroc, y, np.arange(4.0), groups, draws=50, seed=1)
    assert np.isnan(got.low)
    assert np.isnan(got.high)


def test_bad_groups_and_levels_are_refused() -> None:
    y, s, groups = sample(10, 5, 1)
    with pytest.raises(ValueError, match="groups"):
        bootstrap(auroc, y, s, groups[:5], seed=1)
    with pytest.raises(ValueError, match="level"):
        bootstrap(auroc, y, s, groups, seed=1, level=1.0)


def test_a_thousand_draws_of_20000_rows_take_seconds() -> None:
    y, s, groups = sample(20_000, 6_000, 8)
    begun = perf_counter()
    bootstrap(auroc, y, s, groups, seed=1)
    assert perf_counter() - begun < 20  # about 2 s; room for a busy machine
    bootstrap(partial(lift_at, share=0.1), y, s, groups, draws=10, seed=1)
