"""What came for what was told: right where it is known, and rarely wrong by chance alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from measures.observed_expected import came_by_told, inverted

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


def weighted(rows: int, rate: float, steep: float, seed: int) -> tuple[Array, Array, Array]:
    """Labels, what is told, weights: one row in ten weighs eight, as where others were left out.

    What is told ascends with the true probability; where `steep` is above 1 the best are told too
    much, as of a model of few rows.
    """
    random = np.random.default_rng(seed)
    chance = random.beta(0.8, 0.8 / rate - 0.8, rows)
    labels = (random.random(rows) < chance).astype(np.float64)
    odds = steep * np.log(chance / (1 - chance)) + 2.5 * (steep - 1)
    weights = np.where(random.random(rows) < 0.1, 8.0, 1.0)
    return labels, 1 / (1 + np.exp(-odds)), weights


@pytest.mark.parametrize("steep", [1.0, 1.3])
@pytest.mark.parametrize(("rows", "rate"), [(300, 0.1), (1760, 0.057), (3000, 0.06)])
def test_grades_that_rise_are_seldom_shown_to_fall_whatever_was_told(
    rows: int, rate: float, steep: float
) -> None:
    found = 0
    for seed in range(300):
        labels, told, weights = weighted(rows, rate, steep, seed)
        found += bool(inverted(labels, grades(told), np.arange(rows), weights))
    assert found <= 3


def test_of_grades_that_convert_alike_few_are_shown_to_fall() -> None:
    random, found = np.random.default_rng(2), 0
    place = np.repeat([0, 1, 2, 3], [60, 200, 400, 1400])
    for _ in range(1000):
        found += bool(inverted((random.random(len(place)) < 0.1).astype(float), place))
    assert 10 <= found <= 60


@pytest.mark.parametrize(("times", "least", "most"), [(1, 0, 40), (4, 50, 80), (8, 85, 100)])
def test_a_best_grade_that_converts_less_is_shown_where_it_has_rows(
    times: int, least: int, most: int
) -> None:
    random = np.random.default_rng(5)
    sizes = times * np.array([40, 200, 400, 1400])
    place, true = np.repeat([0, 1, 2, 3], sizes), np.repeat([0.1, 0.18, 0.06, 0.01], sizes)
    shown = 0
    for _ in range(100):
        pairs = inverted((random.random(len(true)) < true).astype(float), place)
        shown += pairs == [(0, 1)]
        assert {(1, 2), (2, 3)}.isdisjoint(pairs)
    assert least <= shown <= most


def test_rows_of_one_company_count_as_one() -> None:
    labels, place = np.array([0.0] * 60 + [1.0] * 60), np.repeat([0, 1], 60)
    assert inverted(labels, place) == [(0, 1)]
    assert inverted(labels, place, place) == []


def test_one_grade_or_none_cannot_fall() -> None:
    assert inverted([0, 1], np.zeros(2, dtype=np.int64)) == []
    assert inverted([], np.zeros(0, dtype=np.int64)) == []
    skipped = inverted([0] * 9 + [1] * 9, np.repeat([0, 3], 9))
    assert skipped == [(0, 3)]
