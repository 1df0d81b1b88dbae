"""Whether outcomes began to be recorded late: an edge in their rate that no drift explains.

Where a log's outcomes begin in its middle, rows whose horizon ended before are labelled 0 though
some were won. Where outcomes merely became more frequent, the first comes late too. The two differ
at the edge: the rows just after the first outcome show a rate and its trend, and the trend,
continued backwards, says how many outcomes the rows before should have had.

Where the rate rises steeply, the trend tells little; what tells then is how long a win takes. Leads
that came before the edge and won after it waited at least from their coming to the edge. Of leads
that came later it is known what share F of wins comes so soon: each such win stands for F/(1 − F)
that should have come before the edge. A rate that differs from lead to lead, or from month to month
of their coming, changes nothing of it.

The trend is exponential in rows, a·exp(b·x), fitted by likelihood to the first WINNERS; b is taken
at the upper end of its 90% interval and never falls, so that rather too little is expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from domain.clock import DAY
from domain.journeys import Journeys
from training.config import TrainingConfig
from training.data.cutoffs import Cutoff

MISSED = 5.0
"""Wins that should have come before the edge: with none of them seen, chance is e⁻⁵."""

WINNERS = 30
"""Leads won just after the edge, by which the trend there is told."""

FEW = 10
"""With fewer there is no telling."""

Z = 1.645
_STEEPEST = 60.0


@dataclass(frozen=True, slots=True)
class LateOutcomes:
    """What was missed: `leads` with `rows` before `begin_us`, of whom `missed` should have won.

    The first outcome is of `first_us`, a horizon after `begin_us`.
    """

    first_us: int
    begin_us: int
    rows: int
    leads: int
    missed: float


def begin_late(
    cutoffs: Sequence[Cutoff], journeys: Journeys, config: TrainingConfig
) -> LateOutcomes | None:
    """What was missed before outcomes began to be recorded; None where drift explains it.

    `cutoffs` ascend by time.
    """
    first = min(o.happened_us for o in journeys.outcomes if o.name == config.outcome)
    begin = first - int(config.horizon_days * DAY)
    early = [c for c in cutoffs if c.moment_us < begin]
    after = [c for c in cutoffs if c.moment_us >= first]
    quick = wins_too_slow(*_waits(cutoffs, journeys, config, first))
    labels = np.array([c.label for c in after], dtype=np.float64)
    repeated = labels.sum() / max(len({c.final_id for c in after if c.label}), 1)
    if not early or labels.sum() < FEW * max(repeated, 1.0):
        return None
    ends = min(int(np.searchsorted(np.cumsum(labels), WINNERS * repeated)) + 1, len(labels))
    missed = max(quick, expected_before(labels[:ends], len(early), repeated))
    if missed < MISSED:
        return None
    return LateOutcomes(first, begin, len(early), len({c.final_id for c in early}), missed)


def _waits(
    cutoffs: Sequence[Cutoff], journeys: Journeys, config: TrainingConfig, first: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Microseconds from coming to the edge, of those who came before it and won [n].

    And from coming to winning, of those who came after it [m].
    """
    arrivals: dict[str, int] = {}
    for c in cutoffs:
        arrivals.setdefault(c.final_id, c.moment_us)
    won: dict[str, int] = {}
    for o in journeys.outcomes:
        if o.name == config.outcome:
            won[o.lead_id] = min(won.get(o.lead_id, o.happened_us), o.happened_us)
    both = [
        (arrivals[lead], at)
        for lead, at in won.items()
        if lead in arrivals and at >= arrivals[lead]
    ]
    gaps = [first - start for start, at in both if start < first < at]
    takes = [at - start for start, at in both if start >= first]
    return np.array(gaps, dtype=np.float64), np.array(takes, dtype=np.float64)


def wins_too_slow(gaps: NDArray[np.float64], takes: NDArray[np.float64]) -> float:
    """How many wins should have come before the edge, by how long wins take.

    `gaps` [n] are the times from coming to the edge of leads that won after it, `takes` [m] the
    times from coming to winning of leads that came after it. 0 where that is too few to tell, or
    where chance could make it so: the sum of −ln(1 − F) over those who won late, up to the first
    win of all, is exponential with mean 1 where nothing is missing (time rescaling; Daley and
    Vere-Jones 2003, theorem 7.4.I).
    """
    if len(gaps) == 0 or len(takes) < FEW:
        return 0.0
    n = len(takes)
    share = (np.searchsorted(np.sort(takes), gaps, side="right") + 0.5) / (n + 1)
    waited = -np.log1p(-share).sum()
    return float((share / (1 - share)).sum()) if waited >= MISSED else 0.0


def expected_before(labels: NDArray[np.float64], rows: int, repeated: float = 1.0) -> float:
    """How many leads should have won in so many `rows` before these, whose `labels` [n] are known.

    `repeated` is how many rows each lead that won has on average.
    """
    count = float(labels.sum()) / repeated
    place = (np.flatnonzero(labels) + 0.5) / len(labels)
    middle = float(np.clip(place.mean(), _middle(-_STEEPEST), _middle(_STEEPEST)))
    trend = brentq(lambda b: _middle(b) - middle, -_STEEPEST, _STEEPEST)
    steep = max(trend + Z / np.sqrt(count * _spread(trend)), 1e-9)
    at_edge = count * steep / np.expm1(steep)
    return float(at_edge * -np.expm1(-steep * rows / len(labels)) / steep)


def _middle(b: float) -> float:
    """The mean of 0 to 1 where the density is exp(b·x)."""
    return 0.5 + b / 12 if abs(b) < 1e-3 else 1 / -np.expm1(-b) - 1 / b


def _spread(b: float) -> float:
    """The variance of that density."""
    return 1 / 12 if abs(b) < 1e-2 else 1 / b**2 - 1 / (4 * np.sinh(b / 2) ** 2)
