"""Conversions that come late: two versions equally good, one of them better at what comes early.

Half of the leads convert quickly where they convert, half slowly. The challenger sees the quick
ones better than the champion does and the slow ones worse, so that over the whole horizon neither
has the lower Brier score. Whoever counts conversions as they come in hears of the quick ones first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from measures.confidence_sequences import confidence_sequence
from monitoring.canary_rule import CanaryRule
from tests.rehearsal.rollout_worlds import Column, World, logistic

DAYS, A_DAY = 30, 200
"""Decisions are made so long, and so many a day."""
CHAMPION_KEEN, QUICK_KEEN = 0.8, 0.95


@dataclass(frozen=True)
class Delay:
    """Mean days to a conversion of quick and of slow leads, and the horizon [days]."""

    name: str
    quick: float
    slow: float
    horizon: int


DELAYS = (Delay("days", 2.0, 12.0, 30), Delay("months", 20.0, 90.0, 180))


@dataclass(frozen=True)
class Late:
    """A rollout [n]: day of the decision, days to the conversion (infinite: none), both scores."""

    day: NDArray[np.int64]
    after: Column
    champion: Column
    challenger: Column

    def until(self, today: int) -> "Late":
        """The decisions that were made before a day."""
        n = int(np.searchsorted(self.day, today))
        return Late(self.day[:n], self.after[:n], self.champion[:n], self.challenger[:n])

    def differences(self, y: NDArray[np.bool_]) -> Column:
        """The challenger's squared error less the champion's, of what is taken as the outcome."""
        return np.asarray((self.challenger - y) ** 2 - (self.champion - y) ** 2)


def rollout(world: World, delay: Delay, seed: int) -> Late:
    """One rollout's decisions, in their order."""
    random = np.random.default_rng(seed)
    n = DAYS * A_DAY
    truth, quick = random.normal(size=n), random.random(n) < 0.5
    y = random.random(n) < logistic(world.middle + world.spread * truth)
    waits = np.where(quick, delay.quick, delay.slow)
    after = -waits * np.log1p(-random.random(n) * -np.expm1(-delay.horizon / waits))
    slow_keen = slow_keenness(world)
    keen = np.where(quick, QUICK_KEEN, slow_keen)
    challenger = np.where(
        quick,
        world.tell(_seen(truth, keen, random), QUICK_KEEN),
        world.tell(_seen(truth, keen, random), slow_keen),
    )
    seen = _seen(truth, np.full(n, CHAMPION_KEEN), random)
    champion = world.tell(seen, CHAMPION_KEEN)
    return Late(np.arange(n) // A_DAY, np.where(y, after, np.inf), champion, challenger)


def slow_keenness(world: World) -> float:
    """How keen the challenger is on slow leads, so that over all leads both are equally good."""
    wanted = 2 * world.brier(CHAMPION_KEEN) - world.brier(QUICK_KEEN)
    return float(brentq(lambda keen: world.brier(keen) - wanted, 1e-6, 1 - 1e-6))


def told_apart(late: Late, delay: Delay, rule: CanaryRule) -> tuple[bool, bool]:
    """Whether they are ever told apart, looked at daily: by the rule, and as outcomes come in."""
    by_rule = _ever(late, late.differences(late.after <= delay.horizon), rule)
    naive = False
    for today in range(1, DAYS + delay.horizon + 1):
        part = late.until(today)
        if _excludes_zero(part.differences(part.day + part.after <= today), rule):
            naive = True
            break
    return by_rule, naive


def _ever(late: Late, values: Column, rule: CanaryRule) -> bool:
    """By whole days, each once its horizon has passed: they come in the order of decisions."""
    looks = np.cumsum(np.bincount(late.day))
    looks = looks[looks >= rule.min_matured]
    found = confidence_sequence(
        values, level=rule.level, best_at=rule.best_at, fewest=rule.min_accounts, looks=looks
    )
    return bool(np.any((found.low > 0) | (found.high < 0)))


def _excludes_zero(values: Column, rule: CanaryRule) -> bool:
    """The same bounds, on whatever is known on one day."""
    if len(values) < rule.min_matured:
        return False
    settings = {"level": rule.level, "best_at": rule.best_at, "fewest": rule.min_accounts}
    last = confidence_sequence(values, looks=[len(values)], **settings).last
    return last.low > 0 or last.high < 0


def _seen(truth: Column, keen: Column, random: np.random.Generator) -> Column:
    return np.asarray(keen * truth + np.sqrt(1 - keen**2) * random.normal(size=len(truth)))
