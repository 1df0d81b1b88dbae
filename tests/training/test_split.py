"""The split by time: nothing of the earlier part reaches into the later."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import DAY
from training.data.split import LATER, folds, side, split_by_time

rows = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), min_size=1, max_size=80)
shares = st.floats(0.01, 0.99)
embargoes = st.sampled_from([0.0, 0.5, 3.0, 14.0, 1000.0])


@given(rows, shares, embargoes)
def test_no_earlier_row_lies_within_the_embargo(
    held: list[tuple[int, int]], share: float, embargo: float
) -> None:
    moments = np.array([at * DAY for at, _ in held])
    parts = split_by_time(moments, share, embargo)
    start = moments[parts.later].min()
    assert np.all(moments[parts.earlier] <= start - embargo * DAY)
    assert np.all(moments[parts.earlier] < start)
    left_out = np.setdiff1d(np.arange(len(held)), np.union1d(parts.earlier, parts.later))
    assert len(left_out) == parts.embargoed
    assert np.all((moments[left_out] > start - embargo * DAY) & (moments[left_out] < start))
    assert np.array_equal(parts.later, np.flatnonzero(moments >= start))


@given(rows, shares, embargoes)
def test_no_group_is_on_both_sides_and_only_such_rows_go(
    held: list[tuple[int, int]], share: float, embargo: float
) -> None:
    moments = np.array([at * DAY for at, _ in held])
    groups = np.array([group for _, group in held])
    free = split_by_time(moments, share, embargo)
    parts = split_by_time(moments, share, embargo, groups)
    before, after = set(groups[free.earlier].tolist()), set(groups[free.later].tolist())
    sides = groups[parts.earlier].tolist(), groups[parts.later].tolist()
    assert not set(sides[0]) & set(sides[1])
    assert parts.embargoed == free.embargoed
    gone = np.setdiff1d(
        np.union1d(free.earlier, free.later), np.union1d(parts.earlier, parts.later)
    )
    assert len(gone) == parts.parted
    assert set(groups[gone].tolist()) == before & after
    # one that would be on both sides keeps all its rows of one
    for group in before & after:
        kept = [rows for rows in (parts.earlier, parts.later) if group in groups[rows]]
        full = [rows for rows in (free.earlier, free.later) if group in groups[rows]]
        assert len(kept) == 1
        assert (groups[kept[0]] == group).sum() in [(groups[rows] == group).sum() for rows in full]


@given(rows, st.integers(1, 5), embargoes)
def test_folds_follow_each_other_in_time(
    held: list[tuple[int, int]], count: int, embargo: float
) -> None:
    moments = np.array([at * DAY for at, _ in held])
    groups = np.array([group for _, group in held])
    cut = folds(moments, count, embargo, groups)
    assert len(cut) <= count
    seen: set[int] = set()
    for parts in cut:
        assert not seen & set(parts.later.tolist())
        seen |= set(parts.later.tolist())
        assert not set(groups[parts.earlier]) & set(groups[parts.later])
        if len(parts.later) and len(parts.earlier):
            start = moments[parts.later].min()
            assert moments[parts.earlier].max() < start
            assert moments[parts.earlier].max() <= start - embargo * DAY


def test_the_last_fold_is_the_last_part_by_time() -> None:
    moments = np.arange(100) * DAY
    cut = folds(moments, 3, 2.0, np.arange(100))
    assert [parts.later[0] for parts in cut] == [25, 50, 75]
    assert [parts.earlier[-1] for parts in cut] == [23, 48, 73]
    assert folds(np.full(5, DAY), 3, 0.0, np.arange(5)) == []
    assert folds(moments[:0], 3, 0.0, moments[:0]) == []


@given(rows, shares)
def test_what_stays_stands_for_what_went(held: list[tuple[int, int]], share: float) -> None:
    moments = np.array([at * DAY for at, _ in held])
    groups = np.array([group for _, group in held])
    free, parts = split_by_time(moments, share, 0.0), split_by_time(moments, share, 0.0, groups)
    assert set(free.earlier_weights.tolist()) | set(free.later_weights.tolist()) <= {1.0}
    both = np.intersect1d(groups[free.earlier], groups[free.later])
    for kept, weights, chance in (
        (parts.earlier, parts.earlier_weights, 1 - LATER),
        (parts.later, parts.later_weights, LATER),
    ):
        assert weights.tolist() == [1 / chance if g in both else 1.0 for g in groups[kept]]


def test_each_side_weighs_what_it_would_with_every_company() -> None:
    random = np.random.default_rng(3)
    moments = random.integers(0, 1_000, 60_000) * DAY
    groups = random.integers(0, 2**60, 3_000)[random.integers(0, 3_000, 60_000)]
    free, parts = split_by_time(moments, 0.2, 0.0), split_by_time(moments, 0.2, 0.0, groups)
    assert len(parts.earlier) == pytest.approx(2 / 3 * len(free.earlier), rel=0.05)
    assert parts.earlier_weights.sum() == pytest.approx(len(free.earlier), rel=0.05)
    assert parts.later_weights.sum() == pytest.approx(len(free.later), rel=0.1)


def test_a_group_falls_to_either_side_as_a_coin_does_and_always_the_same() -> None:
    groups = np.random.default_rng(1).integers(-(2**62), 2**62, 20_000)
    tosses = [side(groups, salt) for salt in range(3)]
    assert all(abs(toss.mean() - 0.5) < 0.02 for toss in tosses)
    assert all(abs((tosses[0] == other).mean() - 0.5) < 0.02 for other in tosses[1:])
    np.testing.assert_array_equal(side(groups[::-1], 0)[::-1], tosses[0])
    assert abs(side(groups, 0, 0.1).mean() - 0.1) < 0.02
    few = np.arange(2_000)
    assert abs(side(few, 0).mean() - 0.5) < 0.05  # small numbers too


@given(shares, st.integers(2, 400))
def test_the_later_part_is_about_as_large_as_asked_for(share: float, count: int) -> None:
    moments = np.random.default_rng(count).permutation(count) * DAY
    parts = split_by_time(moments, share, 0.0)
    assert abs(len(parts.later) - share * count) <= 1
    assert parts.embargoed == 0


def test_rows_of_one_moment_stay_together() -> None:
    moments = np.repeat(np.array([1, 2, 3]) * DAY, [5, 10, 1])
    parts = split_by_time(moments, 0.3, 0.0)
    assert parts.later.tolist() == list(range(5, 16))
    alone = split_by_time(np.full(4, DAY), 0.5, 0.0)
    assert (len(alone.earlier), len(alone.later)) == (0, 4)
