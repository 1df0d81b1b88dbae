"""The level of the latest rows: seldom taken where nothing moves, followed where the rate does."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.clock import DAY
from domain.measurement import Interval
from domain.scores import logistic
from measures.observed_expected import came_by_told
from training.model import fit
from training.model.calibrate import Calibrated, calibrate
from training.model.rate_level import ANCHOR, PULL, LevelRows, judged, latest

Array = NDArray[np.float64]
WINDOW, EMBARGO, LATER = 200.0, 20.0, 50.0
"""Days that are learnt from, not used, and judged by."""

Move = Callable[[Array], Array]
Level = tuple[float, Interval | None]


def still(time: Array) -> Array:
    return 0 * time


def falling(time: Array) -> Array:
    return -time


def rising(time: Array) -> Array:
    return time


def jumped(time: Array) -> Array:
    return stepped(time, -0.8, 0.6)


def stepped(time: Array, by: float, at: float) -> Array:
    return np.where(time > at, by, 0.0)


def weekly(time: Array) -> Array:
    return 0.5 * np.sin(2 * np.pi * time / 0.07)


def world(
    seed: int, move: Move, rate: float = 0.15, rows: int = 4000
) -> tuple[fit.OutOfFold, Array, Array]:
    """What models of the whole window told of rows not seen; of later rows, and their truth.

    `move` is by how much the log-odds of all have moved at a time, of which the window is 0 to 1.
    """
    random = np.random.default_rng([seed, rows])
    days = np.concatenate(
        [
            np.sort(random.uniform(0, WINDOW, rows)),
            random.uniform(WINDOW + EMBARGO, WINDOW + EMBARGO + LATER, 4000),
        ]
    )
    alike = np.log(rate / (1 - rate)) + random.normal(size=len(days))
    moved = move(days / WINDOW)
    truth = logistic(alike + moved - moved[:rows].mean())
    labels = (random.random(rows) < truth[:rows]).astype(np.int64)
    # a model of the whole window knows its mean, and nothing of how the level moved
    told = fit.OutOfFold(
        alike[:rows],
        labels,
        (days[:rows] * DAY).astype(np.int64),
        np.ones(rows),
        random.integers(0, rows // 3, rows),
        np.zeros(rows, dtype=np.int64),
    )
    return told, alike[rows:], truth[rows:]


def made(told: fit.OutOfFold, seed: int = 7) -> Calibrated:
    return calibrate(told, seed, EMBARGO)


def level_of(told: fit.OutOfFold, seed: int = 7, embargo: float = EMBARGO) -> Level:
    return judged(rows_of(told), int(embargo * DAY), seed)


def lost(told: Array, truth: Array) -> float:
    """The log loss to be expected."""
    return float(-(truth * np.log(told) + (1 - truth) * np.log1p(-told)).mean())


@pytest.mark.parametrize("move", [still, weekly])
@pytest.mark.parametrize(("rate", "rows"), [(0.013, 3000), (0.15, 1000), (0.15, 3000)])
def test_where_no_level_moves_a_shift_is_seldom_taken(move: Move, rate: float, rows: int) -> None:
    gains = [level_of(world(s, move, rate, rows)[0], s)[1] for s in range(60)]
    assert sum(one.low > 0 for one in gains if one) <= 5, "more at 2.5% come in 1 of 300 runs"


@pytest.mark.parametrize(("move", "sign"), [(falling, -1), (rising, 1), (jumped, -1)])
def test_where_the_level_moves_it_is_followed(move: Move, sign: int) -> None:
    taken = 0
    for seed in range(10):
        told, later, truth = world(seed, move)
        found, gain = level_of(told, seed)
        if gain and gain.low > 0:
            taken += 1
            assert np.sign(found) == sign
            assert lost(logistic(later + found), truth) < lost(logistic(later), truth)
    assert taken >= 5


def test_what_comes_is_nearer_to_what_is_told_where_the_rate_falls() -> None:
    told, later, truth = world(3, falling)
    came = (np.random.default_rng(4).random(len(truth)) < truth).astype(np.float64)
    before = came_by_told(came, logistic(later))
    after = came_by_told(came, made(told).calibrator.apply(later))
    assert before.high < 0.8, "a gate would refuse it"
    assert before.high < after.value < 1.1


def test_a_level_that_was_taken_is_the_same_again() -> None:
    told, *_ = world(5, falling)
    assert made(told) == made(told)
    order = np.random.default_rng(6).permutation(len(told.labels))
    other = made(
        fit.OutOfFold(
            told.margins[order],
            told.labels[order],
            told.moments[order],
            told.weights[order],
            told.groups[order],
            told.fold[order],
        )
    )
    assert other.calibrator.shift == pytest.approx(made(told).calibrator.shift, abs=1e-9)


def test_the_latest_rows_make_the_level() -> None:
    told, *_ = world(7, jumped)
    rows = rows_of(told)
    recent = latest(rows, len(rows) // 4)
    assert len(recent) == len(rows) // 4
    assert recent.times.min() >= np.quantile(rows.times, 0.74)
    assert level_of(told)[0] == recent.level(PULL)


def test_where_no_part_can_judge_there_is_no_level() -> None:
    told, *_ = world(8, falling)
    assert level_of(told, embargo=WINDOW) == (0.0, None)
    once = told._replace(moments=np.zeros_like(told.moments))
    assert level_of(once) == (0.0, None)


def test_what_had_not_matured_is_not_known() -> None:
    told, *_ = world(9, lambda time: stepped(time, -3.0, 0.6), rows=4000)
    near, far = (level_of(told, embargo=days)[1] for days in (0, WINDOW / 8))
    assert near is not None
    assert far is not None
    assert near.value > far.value > 0


def test_a_model_that_tells_too_much_of_all_is_shifted() -> None:
    told, later, truth = world(10, still, rate=0.09, rows=3000)
    early = told._replace(margins=told.margins + 0.3)
    found = made(early)
    assert found.gains["shift"].low > 0
    assert lost(found.calibrator.apply(later + 0.3), truth) < lost(logistic(later + 0.3), truth)


def rows_of(told: fit.OutOfFold) -> LevelRows:
    return LevelRows(
        told.margins, told.labels.astype(np.float64), told.weights, told.moments, told.groups
    )


def test_a_shift_tells_as_many_as_come_and_is_drawn_to_none_by_few() -> None:
    rows = rows_of(world(11, still)[0])
    high = LevelRows(rows.predicted + 0.7, rows.y, rows.w, rows.times, rows.groups)
    found = high.level(0.0)
    assert logistic(high.predicted + found).sum() == pytest.approx(rows.y.sum(), abs=1e-6)
    pulls = [high.level(pull) for pull in (0.0, 10.0, 1e3, 1e9)]
    assert pulls == sorted(pulls)
    assert pulls[-1] == pytest.approx(0.0, abs=1e-4)
    assert high.level(1e9, -0.3) == pytest.approx(-0.3, abs=1e-4)
    # with as many conversions as the pull about half is believed
    few = high.take(np.arange(0, len(high), 40))
    weight = float((logistic(few.predicted) * (1 - logistic(few.predicted))).sum())
    share = few.level(weight) / few.level(0.0)
    assert 0.3 < share < 0.7


def test_where_none_or_all_convert_a_shift_is_a_number() -> None:
    rows = rows_of(world(13, still)[0])
    for label in (0.0, 1.0):
        all_alike = LevelRows(
            rows.predicted, np.full(len(rows), label), rows.w, rows.times, rows.groups
        )
        found = all_alike.level(ANCHOR)
        assert np.isfinite(found)
        assert (found > 0) == bool(label)
    nothing = LevelRows(rows.predicted, rows.y, 0 * rows.w, rows.times, rows.groups)
    assert nothing.level(ANCHOR, 0.25) == 0.25
