"""Worlds of two models: matured decisions that both scored, with what became of the leads.

A lead's log-odds are normal; a model sees them through noise and tells the exact probability given
what it sees, so every model is calibrated and its Brier score is known by quadrature.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Column = NDArray[np.float64]
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def logistic(x: Column) -> Column:
    """The probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-x)))


@dataclass(frozen=True)
class World:
    """How leads convert.

    `middle` and `spread` are of their log-odds, `together` the spread that an account adds to all
    its leads, which no model sees; `size` is the mean number of leads of an account.
    """

    name: str
    middle: float = -1.6
    spread: float = 1.2
    together: float = 0.0
    size: int = 1

    def tell(self, seen: Column, keen: float) -> Column:
        """The probability, given what a model of this keenness (0 to 1) sees."""
        wide = np.sqrt(self.spread**2 * (1 - keen**2) + self.together**2)
        middle = self.middle + keen * self.spread * seen
        return np.asarray(logistic(middle[:, None] + wide * _POINTS) @ _WEIGHTS)

    def brier(self, keen: float) -> float:
        """The expected Brier score of a calibrated model: E p(1 − p)."""
        told = self.tell(_POINTS, keen)
        return float((told * (1 - told)) @ _WEIGHTS)

    @property
    def rate(self) -> float:
        """The rate of conversions."""
        return float(self.tell(_POINTS, 0.0)[0])

    def keenness(self, brier: float) -> float:
        """How keen a model is that has this Brier score."""
        return float(brentq(lambda k: self.brier(k) - brier, 1e-6, 1 - 1e-6))


@dataclass(frozen=True)
class Pair:
    """Decisions in order [n]: results, both models' scores, and accounts."""

    y: Column
    champion: Column
    challenger: Column
    account: NDArray[np.int64]

    @property
    def difference(self) -> Column:
        """The challenger's squared error less the champion's."""
        return (self.challenger - self.y) ** 2 - (self.champion - self.y) ** 2


@dataclass(frozen=True)
class Challenger:
    """A challenger as it differs from the champion: by its Brier score, or by how it is broken."""

    name: str
    worse_by: float = 0.0
    broken: str = ""
    champion_keen: float = field(default=0.8)


def draw(world: World, challenger: Challenger, leads: int, seed: int) -> Pair:
    """One rollout's decisions."""
    random = np.random.default_rng(seed)
    accounts = max(leads // world.size, 1)
    account = random.integers(0, accounts, leads) if world.size > 1 else np.arange(leads)
    truth = random.normal(size=leads)
    shared = world.together * random.normal(size=accounts + 1)[account]
    y = random.random(leads) < logistic(world.middle + world.spread * truth + shared)
    keen = challenger.champion_keen
    champion = world.tell(_seen(truth, keen, random), keen)
    other = keen
    if challenger.worse_by:
        other = world.keenness(world.brier(keen) + challenger.worse_by)
    told = world.tell(_seen(truth, other, random), other)
    return Pair(
        y.astype(np.float64), champion, _broken(told, challenger.broken, world, random), account
    )


def _seen(truth: Column, keen: float, random: np.random.Generator) -> Column:
    return np.asarray(keen * truth + np.sqrt(1 - keen**2) * random.normal(size=len(truth)))


def _broken(told: Column, how: str, world: World, random: np.random.Generator) -> Column:
    if how == "constant":
        return np.full(len(told), world.rate)
    if how == "shuffled":
        return np.asarray(random.permutation(told))
    if how == "stale":  # of half the leads it sees an old state, which says nothing any more
        old = random.random(len(told)) < 0.5
        return np.where(old, random.permutation(told), told)
    return told
