"""What came for what was told: right where it is known, and rarely wrong by chance alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from measures.came import came_by_told, inverted

Array = NDArray[np.float64]
CUTS = (0.2, 0.1, 0.04, 0.0)


def calibrated(rows: int, rate: float, seed: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Labels, the probabilities that they have, and groups of about two."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.8, 0.8 / rate - 0.8, rows)
    labels = (random.random(rows) < chance).astype(np.float64)
    return labels, chance, random.integers(0, rows // 2, rows)


def grades(chance: Array) -> NDArray[np.int64]:
    reached = np.array([chance >= cut for cut in CUTS])
    return np.asarray(reached.argmax(axis=0), dtype=np.int64)


@pytest.mark.parametrize(("rows", "rate"), [(400, 0.1), (1500, 0.02), (4000, 0.013)])
def test_the_ratio_holds_1_as_often_as_promised(rows: int, rate: float) -> None:
    held = [came_by_told(*calibrated(rows, rate, seed)) for seed in range(300)]
    inside = np.mean([one.low <= 1 <= one.high for one in held])
    assert 0.91 < inside < 0.98


@pytest.mark.parametrize(("rows", "rate"), [(400, 0.1), (1500, 0.02), (4000, 0.013)])
def test_calibrated_scores_are_seldom_shown_to_be_off_by_a_quarter(rows: int, rate: float) -> None:
    held = [came_by_told(*calibrated(rows, rate, seed)) for seed in range(300)]
    assert sum(one.low > 1.25 or one.high < 0.8 for one in held) <= 6


def test_twice_what_comes_is_shown_where_outcomes_are_rare() -> None:
    held = []
    for seed in range(50):
        labels, chance, groups = calibrated(8000, 0.013, seed)
        held.append(came_by_told(labels, 2 * chance, groups))
    assert sum(one.high < 0.8 for one in held) >= 48


def test_rows_that_are_copies_of_others_say_no_more() -> None:
    labels, chance, _ = calibrated(500, 0.1, 3)
    groups = np.arange(500)
    once = came_by_told(labels, chance, groups)
    thrice = came_by_told(np.tile(labels, 3), np.tile(chance, 3), np.tile(groups, 3))
    assert thrice.value == pytest.approx(once.value)
    assert (thrice.high - thrice.low) == pytest.approx(once.high - once.low, rel=0.1)


def test_nothing_told_is_no_number_and_nothing_came_is_zero() -> None:
    assert np.isnan(came_by_told([0, 1], [0.0, 0.0]).value)
    none = came_by_told(np.zeros(1000), np.full(1000, 0.1))
    assert (none.value, none.low) == (0.0, 0.0)
    assert 0 < none.high < 0.1


@pytest.mark.parametrize(("rows", "rate"), [(300, 0.1), (1500, 0.03), (3000, 0.06)])
def test_grades_of_calibrated_scores_are_seldom_shown_to_fall(rows: int, rate: float) -> None:
    found = 0
    for seed in range(300):
        labels, chance, groups = calibrated(rows, rate, seed)
        found += bool(inverted(labels, chance, grades(chance), groups))
    assert found <= 15


def test_a_best_grade_that_converts_less_than_the_next_is_shown() -> None:
    random = np.random.default_rng(5)
    chance = np.repeat([0.3, 0.13, 0.06, 0.01], [40, 200, 400, 1400])
    true = np.repeat([0.1, 0.18, 0.06, 0.01], [40, 200, 400, 1400])
    shown = 0
    for _ in range(100):
        labels = (random.random(len(true)) < true).astype(np.float64)
        pairs = inverted(labels, chance, grades(chance), np.arange(len(true)))
        shown += pairs == [(0, 1)]
        assert {(1, 2), (2, 3)}.isdisjoint(pairs)
    assert shown >= 60


def test_one_grade_or_none_cannot_fall() -> None:
    assert inverted([0, 1], [0.3, 0.3], np.zeros(2, dtype=np.int64)) == []
    assert inverted([], [], np.zeros(0, dtype=np.int64)) == []
    skipped = inverted([0, 0, 1, 1], [0.9, 0.9, 0.1, 0.1], np.array([0, 0, 3, 3]))
    assert skipped == [(0, 3)]
