"""The split by time: nothing of the earlier part reaches into the later."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import DAY
from domain.errors import Missing
from training.split import require_both_classes, split_by_time

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
def test_purging_takes_only_those_whose_group_comes_again(
    held: list[tuple[int, int]], share: float, embargo: float
) -> None:
    moments = np.array([at * DAY for at, _ in held])
    groups = np.array([group for _, group in held])
    parts = split_by_time(moments, share, embargo, groups)
    start, again = moments[parts.later].min(), set(groups[parts.later].tolist())
    kept = set(parts.earlier.tolist())
    for row, (moment, group) in enumerate(zip(moments.tolist(), groups.tolist(), strict=True)):
        near = start - embargo * DAY < moment < start
        assert (row in kept) == (moment < start and not (near and group in again))
    assert len(kept) + len(parts.later) + parts.embargoed == len(held)


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


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1, 1]])
def test_one_class_is_too_few(labels: list[int]) -> None:
    with pytest.raises(Missing) as caught:
        require_both_classes(np.array(labels, dtype=np.int64), "validation")
    assert caught.value.rule == "both-classes"
    assert f"the validation part has {len(labels)} rows" in str(caught.value)
    require_both_classes(np.array([0, 1]), "validation")
