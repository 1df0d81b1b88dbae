"""How many decisions and days a canary comparison takes, said before it begins.

The sums of paired differences and of their squares are, over many decisions, Brownian motions with
a drift, which go together where differences are skewed. Runs of them are drawn, and read once a day
by the rule of verdicts, as a comparison reads what was measured.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.scores import logistic
from measures.confidence_sequences import best_precision, boundary
from monitoring.canary_rule import CanaryRule

Column = NDArray[np.float64]

RUNS = 4000
FARTHEST = 10_000.0
"""What takes more than so many times the least number of decisions is not waited for."""
GROWTH = 1.02
"""From one look to the next."""
SEED = 1411
SHIFT = 0.5
"""Standard deviation of the log-odds by which versions differ, where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How paired differences of a Brier score vary.

    `variance` is of a sum of them, for each decision, with sums by account as units; `third` and
    `fourth` are the covariance of sums with their squares and the variance of squares, likewise.
    `size` is the mean size of an account, weighted by size: so many decisions count as one
    independent unit. `source` says what it was measured on.
    """

    variance: float
    third: float
    fourth: float
    size: float
    source: str = ""


class DailyTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions, leads and accounts a day, and the share of decisions that turn out positive."""

    decisions: float
    leads: float
    accounts: float
    rate: float


class PlannedVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes where the truth is `difference`: the share of runs with a verdict, and when.

    `median` and `likely` are matured decisions until half of the runs, and until a share `power`
    of them, have the verdict; None where fewer get it. Days count from the first decision and
    end with the last horizon.
    """

    name: str
    verdict: str
    difference: float
    share: float
    median: int | None
    median_days: float | None
    likely: int | None
    likely_days: float | None


class CanaryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison with a champion takes, and what that was computed from.

    `difference`, `margin` and `skill` are Brier scores; `spread` says what the spread of paired
    differences was measured on, `deviation` is its standard deviation for one decision alone.
    """

    champion: str
    difference: float
    margin: float
    skill: float
    power: float
    horizon_days: float
    traffic: DailyTraffic
    spread: str
    deviation: float
    account_size: float
    verdicts: tuple[PlannedVerdict, ...]


def spread_of(differences: Column, account: NDArray[np.int64], source: str = "") -> Spread:
    """The spread of paired differences [n] that belong to accounts [n], numbered from 0."""
    apart = differences - differences.mean()
    n, sizes = len(account), np.bincount(account).astype(np.float64)
    size = float((sizes**2).sum() / n)
    by_account = np.bincount(account, apart)
    sums = max((by_account, apart), key=lambda values: float((values**2).sum()))
    variance = float((sums**2).sum()) / max(n - size, 1.0)
    return Spread(
        variance=variance,
        third=float((sums**3).sum()) / n,
        fourth=max(float((sums**4).sum()) / n - size * variance**2, 0.0),
        size=size,
        source=source,
    )


def assumed_spread(scores: Column, y: Column, account: NDArray[np.int64]) -> Spread:
    """The spread where nothing was measured: log-odds that differ by SHIFT.

    `y` [n] are results of these decisions, NaN where none is known yet: then one is drawn.
    """
    random = np.random.default_rng(SEED)
    kept = np.clip(scores, 1e-6, 1 - 1e-6)
    other = logistic(np.log(kept / (1 - kept)) + SHIFT * random.normal(size=len(scores)))
    drawn = (random.random(len(scores)) < scores).astype(np.float64)
    results = np.where(np.isnan(y), drawn, y)
    differences = (other - results) ** 2 - (scores - results) ** 2
    return spread_of(
        differences, account, f"assumed: log-odds of versions differ by {SHIFT:g} (one sigma)"
    )


def planned(
    spread: Spread,
    traffic: DailyTraffic,
    rule: CanaryRule,
    margin: float,
    difference: float,
    power: float,
    horizon_days: float,
) -> tuple[PlannedVerdict, ...]:
    """What it takes to tell challengers that are better, equal, and worse by a difference > 0."""
    cases = (
        (f"better by {difference:.4g}", "better or no worse", -difference, ("better", "no_worse")),
        ("equal", "no worse", 0.0, ("better", "no_worse")),
        (f"worse by {difference:.4g}", "worse", difference, ("worse",)),
    )
    verdicts = []
    for name, verdict, truth, wanted in cases:
        ends = _ends(spread, traffic, rule, margin, truth)
        reached = np.sort(ends["passed" if "no_worse" in wanted else "failed"])
        times = {key: _at(reached, share) for key, share in (("median", 0.5), ("likely", power))}
        days = {
            f"{key}_days": None if n is None else n / traffic.decisions + horizon_days
            for key, n in times.items()
        }
        verdicts.append(
            PlannedVerdict(
                name=name,
                verdict=verdict,
                difference=truth,
                share=float(np.isfinite(reached).mean()),
                **times,
                **days,  # type: ignore[arg-type]
            )
        )
    return tuple(verdicts)


def _at(reached: Column, share: float) -> int | None:
    """By when a share of the runs [runs], ascending, have reached it."""
    n = reached[min(int(np.ceil(share * len(reached))), len(reached)) - 1]
    return int(np.ceil(n)) if np.isfinite(n) else None


def _ends(
    spread: Spread, traffic: DailyTraffic, rule: CanaryRule, margin: float, truth: float
) -> dict[str, Column]:
    """Decisions at which each run [runs] passes or fails first; infinite where it does not."""
    looks = _looks(spread, traffic, rule)
    growth = _growth(looks, spread, rule)
    random = np.random.default_rng(SEED)
    total, squares = np.zeros(RUNS), np.zeros(RUNS)
    passed, failed = np.full(RUNS, np.inf), np.full(RUNS, np.inf)
    for n, steps, grown in zip(looks, np.diff(looks, prepend=0.0), growth, strict=True):
        moved, widened = _steps(spread, steps, random)
        total += truth * steps + moved
        squares += widened
        mean = total / n
        half = np.sqrt(np.maximum(squares, spread.variance * n / 100) / n) * grown
        open_runs = np.isinf(passed) & np.isinf(failed)
        passed[open_runs & (mean + half < margin)] = n
        open_runs &= np.isinf(passed)
        failed[open_runs & (mean > margin) & (mean > half)] = n
    return {"passed": passed, "failed": failed}


def _steps(spread: Spread, steps: float, random: np.random.Generator) -> tuple[Column, Column]:
    """What so many decisions add to each run's sum, less the drift, and to its squares [runs]."""
    one, other = random.normal(size=(2, RUNS))
    moved = np.sqrt(spread.variance * steps) * one
    slope = spread.third / spread.variance if spread.variance else 0.0
    rest = max(spread.fourth - slope * spread.third, 0.0)
    widened = spread.variance * steps + slope * moved + np.sqrt(rest * steps) * other
    return moved, np.maximum(widened, 0.0)


def _looks(spread: Spread, traffic: DailyTraffic, rule: CanaryRule) -> Column:
    """Counts of decisions after which to look [looks]: at the end of days, ever less often."""
    least = max(
        rule.min_matured, rule.min_positives / traffic.rate, rule.min_accounts * spread.size
    )
    times = GROWTH ** np.arange(np.ceil(np.log(FARTHEST) / np.log(GROWTH)))
    return np.unique(np.ceil(least * times / traffic.decisions)) * traffic.decisions


def _growth(looks: Column, spread: Spread, rule: CanaryRule) -> Column:
    """Half widths of the confidence sequence for a variance of 1 at those counts [looks]."""
    grown = boundary(looks / spread.size, rule.alpha, best_precision(rule.best_at, rule.alpha))
    return np.asarray(np.sqrt(spread.size) * grown / looks)
