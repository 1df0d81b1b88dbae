"""What a confidence sequence says of a challenger: better, no worse, worse, or undecided."""

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from domain.measurement import Interval

Verdict = Literal["better", "no_worse", "worse", "undecided"]
CanaryOutcome = Literal["pass", "fail", "inconclusive"]

OUTCOMES: dict[Verdict, CanaryOutcome] = {
    "better": "pass",
    "no_worse": "pass",
    "worse": "fail",
    "undecided": "inconclusive",
}
"""What CI and rollouts make of a verdict."""
FARTHEST = 1000.0
"""No estimate is given of what takes more than so many times the decisions so far."""
GROWTH = 1.05
"""How finely that is looked for."""


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """How much worse the challenger is: positive where it is worse, with its margin."""

    name: str
    difference: Interval
    margin: float

    @property
    def verdict(self) -> Verdict:
        """The region that the whole interval lies in.

        Within the margin the two are equivalent for practice: `worse` is said only where the
        challenger is shown to be worse and the best estimate lies beyond the margin.
        """
        low, high = self.difference.low, self.difference.high
        if high < 0:
            return "better"
        if high < self.margin:
            return "no_worse"
        if low > 0 and self.difference.value > self.margin:
            return "worse"
        return "undecided"

    @property
    def in_words(self) -> str:
        """In words."""
        d = self.difference
        text = f"{self.name} differs by {d.value:+.4f} ({d.low:+.4f} to {d.high:+.4f})"
        return f"{text}, margin {self.margin:.4g}: {self.verdict.replace('_', ' ')}"


def needed(loss: Loss, so_far: int, radius: Callable[[float], float]) -> int | None:
    """How many more matured decisions it takes until a verdict, if the difference stays so.

    `radius` gives the half width of the interval at so many times the decisions so far. None
    where it is decided, or no end is in sight.
    """
    if loss.verdict != "undecided" or not np.isfinite(loss.difference.value):
        return None
    value = loss.difference.value
    for times in GROWTH ** np.arange(1, int(np.log(FARTHEST) / np.log(GROWTH))):
        half = radius(float(times))
        if value + half < loss.margin or (value > loss.margin and value > half):
            return int(np.ceil(so_far * (times - 1)))
    return None
