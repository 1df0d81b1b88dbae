"""The level of the latest rows: a shift of all log-odds, where outcomes become rarer or more usual.

A model tells the rate of all the rows that it learnt from. Where the rate falls or rises, that is
the rate of the middle of their time, and what is scored comes after their end. A shift moves what
is told to the rate of the latest RECENT of the rows, and is drawn towards none: PULL conversions
that say nothing moved are added to those that were counted.

It is judged as it will be used. At the start of each part of time, from what had matured by then,
the shift to the latest rows is held against the one to all rows: for a model learnt at that moment
would tell the rate of those, where a model of the whole time knows what came later. It is taken
only where log loss on later time is shown to be lower.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.measurement import Interval
from domain.scores import logistic
from measures.calibration import log_losses
from measures.resampling import Resampling
from training.data.split import spans

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PARTS = 8
"""Parts of time: the shift is judged at the start of each that has enough rows before it."""

RECENT = 0.25
"""The share of the rows, the latest, whose level is taken."""

PULL = 10.0
"""As many conversions as it takes for half of what is found to be believed."""

ANCHOR = 1.0
"""The same for the level of all rows, so that there is one where none converts."""

CLOSE, STEPS = 1e-12, 100
"""Newton's method ends where it moves by no more, and at the latest after so many steps."""


@dataclass(frozen=True, slots=True)
class LevelRows:
    """LevelRows [n] that the model had not seen, by time.

    `told` are their log-odds after calibration, `y` labels, `w` weights; `times` in µs.
    """

    predicted: Array
    y: Array
    w: Array
    times: Index
    groups: Index

    def take(self, at: Index) -> "LevelRows":
        """Some of them."""
        return LevelRows(
            self.predicted[at], self.y[at], self.w[at], self.times[at], self.groups[at]
        )

    def __len__(self) -> int:
        return len(self.predicted)

    def level(self, pull: float, towards: float = 0.0) -> float:
        """The shift to their own rate, see `shift`."""
        return shift(self.predicted, self.y, self.w, pull, towards)


def shift(margins: Array, y: Array, w: Array, pull: float, towards: float = 0.0) -> float:
    """The shift of log-odds under which as many convert as are told, drawn to `towards`.

    `margins` [n] are log-odds. The likeliest, with the penalty ½·pull·(shift − towards)²; a row of
    weight 2 counts as two. It is `towards` without weight.
    """
    if not w.any():
        return towards
    level = towards
    for _ in range(STEPS):
        chance = logistic(margins + level)
        slope = float(w @ (chance - y)) + pull * (level - towards)
        curve = float(w @ (chance * (1 - chance))) + pull
        step = min(max(slope / curve, -1.0), 1.0)
        level -= step
        if abs(step) <= CLOSE:
            break
    return level


def latest(rows: LevelRows, size: int) -> LevelRows:
    """The latest rows: `size`, and those of the same moment as the first of them."""
    edge = np.sort(rows.times)[-size]
    return rows.take(np.flatnonzero(rows.times >= edge))


def judged(rows: LevelRows, gap_us: int, seed: int) -> tuple[float, Interval | None]:
    """The shift to the level of the latest rows, and how much lower log loss it makes.

    The gain is that over the level of all rows, on later time, with a 95% interval by company;
    rows within `gap_us` before a part had not matured at its start. None where no part can judge.
    """
    size = max(round(len(rows) * RECENT), 1)
    gain, used = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.bool_)
    for start, end in spans(rows.times, PARTS - 1):
        known = np.flatnonzero(rows.times < start - gap_us)
        if len(known) <= size:
            continue
        later = (rows.times >= start) & (rows.times < end)
        gain[later] = _gain(rows.take(known), rows.take(np.flatnonzero(later)), size)
        used |= later
    if not used.any():
        return 0.0, None
    drawn = Resampling(rows.groups[used], int(used.sum()), seed=seed, w=rows.w[used])
    return latest(rows, size).level(PULL), drawn.mean(gain[used]).interval()


def _gain(known: LevelRows, later: LevelRows, size: int) -> Array:
    """By how much the latest level lowers the log loss of later rows, against the level of all."""
    usual = known.level(ANCHOR)
    now = latest(known, size).level(PULL, usual)
    before, after = (log_losses(later.y, logistic(later.predicted + by)) for by in (usual, now))
    return before - after
