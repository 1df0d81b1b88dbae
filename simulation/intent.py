"""Hidden intent, the outcomes it leads to, and their exact probabilities.

A person's intent is a Markov chain over the days. On each day an undecided lead meets the hazards
of a win and of a loss, constants of that day: with total hazard h the day decides the lead with
probability 1 - exp(-h), for a win in proportion to the win's part of h (competing risks).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.scenarios import Scenario
from simulation.seasons import HORIZON_DAYS, Calendar
from simulation.vocabulary import LEVELS

_UP = np.array([0.010, 0.016, 0.018, 0.0])
_DOWN = np.array([0.0, 0.020, 0.020, 0.022])
WIN = np.array([0.0002, 0.0006, 0.0028, 0.0105])
"""Hazard of a win a day, by level, at fit 1."""

LOSS = np.array([0.006, 0.0035, 0.0025, 0.002])
"""Hazard of a loss a day, by level."""

_STEPS = np.diag(_UP[:-1], 1) + np.diag(_DOWN[1:], -1)
TRANSITION: NDArray[np.float64] = _STEPS + np.diag(1 - _STEPS.sum(axis=1))
"""Probability of tomorrow's level [today's, tomorrow's]."""


def walk(
    rng: np.random.Generator, first: NDArray[np.int64], arrived: NDArray[np.int64], days: int
) -> NDArray[np.int8]:
    """Levels of intent [days + 1, people], at `first` until the day of arrival."""
    levels = np.empty((days + 1, len(first)), dtype=np.int8)
    level = first.astype(np.int8)
    for day in range(days + 1):
        levels[day] = level
        draw = rng.random(len(first))
        step = (draw < _UP[level]).astype(np.int8) - (draw > 1 - _DOWN[level]).astype(np.int8)
        level = np.where(day < arrived, level, level + step)
    return levels


@dataclass(frozen=True, slots=True)
class Hazards:
    """The daily hazards of some people: `fit` [eras, people] times level, times the calendar."""

    fit: NDArray[np.float64]
    calendar: Calendar

    def win(self, day: int) -> NDArray[np.float64]:
        """Hazard of a win on a day [people, levels]."""
        factor = self.calendar.selling[day] * self.fit[self.calendar.era[day]]
        return np.asarray(factor[:, None] * WIN)

    def loss(self, day: int) -> NDArray[np.float64]:
        """Hazard of a loss on a day [levels]."""
        return np.asarray(self.calendar.selling[day] * LOSS)

    def of(self, some: NDArray[np.int64]) -> "Hazards":
        """The hazards of some of these people."""
        return Hazards(self.fit[:, some], self.calendar)


def hazards(fit: NDArray[np.float64], calendar: Calendar, scenario: Scenario) -> Hazards:
    """The hazards of people with that `fit` [people] in a scenario."""
    return Hazards(np.stack([fit, scenario.conversion * fit**scenario.fit_power]), calendar)


def decide(
    rng: np.random.Generator,
    levels: NDArray[np.int8],
    created: NDArray[np.int64],
    risk: Hazards,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The day on which each lead is decided (the number of days: never), and whether it is won.

    Nothing is decided on or before the day `created`.
    """
    days, everyone = risk.calendar.days, np.arange(levels.shape[1])
    decided = np.full(len(everyone), days)
    won = np.zeros(len(everyone), dtype=np.bool_)
    patience = rng.exponential(size=len(everyone))
    share = rng.random(len(everyone))
    for day in range(days):
        at = levels[day]
        win, loss = risk.win(day)[everyone, at], risk.loss(day)[at]
        open_ = (day > created) & (decided == days)
        patience = np.where(open_, patience - win - loss, patience)
        now = open_ & (patience < 0)
        decided[now] = day
        won[now] = (share * (win + loss) < win)[now]
    return decided, won


def win_probability(
    risk: Hazards, day: int, levels: NDArray[np.int8], horizon: int = HORIZON_DAYS
) -> NDArray[np.float64]:
    """Probability [people] that an undecided lead is won on one of the `horizon` days from `day`.

    Exact, by backward recursion over the levels, given the level at the beginning of `day`.
    """
    value = np.zeros((len(levels), LEVELS))
    for later in range(day + horizon - 1, day - 1, -1):
        win, loss = risk.win(later), risk.loss(later)
        stays = np.exp(-win - loss)
        value = (1 - stays) * win / (win + loss) + stays * (value @ TRANSITION.T)
    return np.asarray(value[np.arange(len(levels)), levels])
