"""What a policy is worth in conversions, from routings that were drawn with recorded chances."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from decisions.backtest.routed_record import Routing
from domain.measurement import Interval
from measures.confidence_sequences import FEWEST, effective_units
from measures.off_policy import (
    betting_bounds,
    crossed_ridge,
    doubly_robust_terms,
    importance_weights,
    inverse_propensity_terms,
    mean_bounds,
    off_policy_value,
    self_normalised,
)
from monitoring.backtest.replayed_columns import ReplayedColumns
from monitoring.decision_columns import Floats, Ints
from monitoring.outcomes import OutcomeTable

Method = Literal[
    "inverse propensity",
    "self-normalised inverse propensity",
    "doubly robust",
    "inverse propensity, any sample size",
]
MOST_UNTOLD = 0.2
"""Where a larger share of leads gets a routing that was never drawn, nothing is estimated."""


class ValueEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Conversions per lead before and under the candidate, by one method.

    `difference` is None where the method bounds only each alone.
    """

    method: Method
    was: Interval
    now: Interval
    difference: Interval | None


class PolicyValue(msgspec.Struct, frozen=True, kw_only=True):
    """What the data tell of the worth of both policies.

    `tells`: whether they tell anything; `why` says what they lack, and what was assumed. A lead
    counts by its first matured decision. `leads`, `accounts`, `conversions`: those that counted;
    `random`: whose routing had another chance than 0 or 1; `effective`: as how many leads they
    count for the candidate. `untold` is the share whose routing under the candidate was never
    drawn for leads like them: what they would do may lie anywhere, and the bounds hold it.
    `chances` says whether those of all draws were used, or of a holdout's own.
    """

    tells: bool
    why: tuple[str, ...]
    outcome: str = ""
    horizon_days: float = 0.0
    leads: int = 0
    accounts: int = 0
    conversions: int = 0
    random: int = 0
    effective: float = 0.0
    untold: float = 0.0
    chances: Literal["of all draws", "within the holdout"] = "of all draws"
    estimates: tuple[ValueEstimate, ...] = ()


def nothing_told(why: str) -> PolicyValue:
    """Of data that tell nothing, for a reason."""
    return PolicyValue(tells=False, why=(why,))


def policy_value(
    columns: ReplayedColumns, table: OutcomeTable, *, level: float = 0.95
) -> PolicyValue:
    """The value of both policies of replayed decisions, joined with outcomes."""
    within = bool((columns.plans > 1).any())
    routed, was, now = columns.chances(within_holdout=within)
    counted = np.flatnonzero(table.matured & np.isfinite(routed[table.place]))
    # of each lead the first: rows are the oldest first
    rows = counted[np.sort(np.unique(table.lead[counted], return_index=True)[1])]
    place = table.place[rows]
    leads = _Rows(
        y=table.y[rows].astype(np.float64),
        score=table.score[rows],
        account=table.account[rows],
        routed=columns.routed[place],
        was=columns.was[place],
        now=columns.now[place],
        chances=(routed[place], was[place], now[place]),
        routings=columns.routings,
    )
    about = PolicyValue(
        tells=False,
        why=(),
        outcome=table.rule.outcome,
        horizon_days=table.rule.horizon_days,
        leads=len(rows),
        accounts=len(np.unique(leads.account)),
        conversions=int(leads.y.sum()),
        random=int(leads.random.sum()),
        chances="within the holdout" if within else "of all draws",
    )
    return _estimated(about, leads, level)


class _Rows:
    """Leads that count [n]: outcomes, scores, routings by number, and their chances."""

    def __init__(
        self,
        y: Floats,
        score: Floats,
        account: Ints,
        routed: Ints,
        was: Ints,
        now: Ints,
        chances: tuple[Floats, Floats, Floats],
        routings: list[Routing],
    ) -> None:
        self.y, self.score, self.account = y, score, account
        self.routed, self.was, self.now = routed, was, now
        self.chance, self.was_chance, self.now_chance = chances
        self._routings = routings

    @property
    def random(self) -> NDArray[np.bool_]:
        """Where another routing could have come about."""
        return np.asarray(self.chance < 1 - 1e-12)

    def weights(self, routing: Ints) -> Floats:
        """Importance weights of a policy's routings [n]."""
        return importance_weights(routing == self.routed, self.chance)

    def predicted(self) -> tuple[Floats, Floats, Floats]:
        """Conversions as a model that did not see the account tells them: routed, was, now."""
        designs = [self._design(routing) for routing in (self.routed, self.was, self.now)]
        one, other, third = crossed_ridge(designs[0], self.y, self.account, tuple(designs))
        return one, other, third

    def _design(self, routing: Ints) -> Floats:
        """Columns: 1, the score, and per action one of its own and its product with the score."""
        actions = sorted({routing[1] for routing in self._routings})
        code = np.array([actions.index(r[1]) for r in self._routings], dtype=np.int64)[routing]
        own = (code[:, None] == np.arange(len(actions))).astype(np.float64)
        score = self.score[:, None]
        return np.hstack([np.ones((len(routing), 1)), score, own, own * score])


def _estimated(about: PolicyValue, rows: _Rows, level: float) -> PolicyValue:
    replace = msgspec.structs.replace
    lacking = _lacking(about, rows)
    if lacking:
        return replace(about, why=tuple(lacking))
    was_untold = float((rows.was_chance <= 0).mean())
    untold = float((rows.now_chance <= 0).mean())
    weights = rows.weights(rows.now)
    about = replace(about, untold=untold, effective=_effective(weights))
    worst = max(untold, was_untold)
    if worst > MOST_UNTOLD:
        which = "under the candidate" if untold >= was_untold else "before"
        why = f"{worst:.1%} of the leads get a routing {which} that was never drawn for their like"
        return replace(about, why=(f"{why}: there is no overlap",))
    estimates = _estimates(rows, (was_untold, untold), level)
    notes = _notes(about, was_untold)
    return replace(about, tells=True, why=tuple(notes), estimates=estimates)


def _lacking(about: PolicyValue, rows: _Rows) -> list[str]:
    if not about.leads:
        return ["no decision has matured whose chances are recorded"]
    if not about.random:
        return ["no routing was drawn at random: start a holdout, `leadscore rollout start`"]
    units = effective_units(rows.account)
    if units < FEWEST:
        return [f"{about.accounts:,} accounts count as {units:.0f}, {FEWEST} are too few to tell"]
    drawn = effective_units(rows.account[rows.random])
    if drawn < FEWEST:
        return [f"routings of only {drawn:.0f} accounts were random, {FEWEST} are needed"]
    if not about.conversions:
        return ["nothing has converted yet"]
    return []


def _effective(weights: Floats) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _notes(about: PolicyValue, was_untold: float) -> list[str]:
    notes = []
    if about.untold or was_untold:
        notes.append(
            f"{about.untold:.1%} of the leads under the candidate, {was_untold:.1%} before, get a "
            "routing that was never drawn for leads like them: the upper bounds take all of them "
            "for conversions, the lower ones none"
        )
    if about.effective < FEWEST:
        notes.append(
            f"the candidate agrees with draws that count as {about.effective:.0f} leads only"
        )
    return notes


def _estimates(rows: _Rows, untold: tuple[float, float], level: float) -> tuple[ValueEstimate, ...]:
    told_routed, told_was, told_now = rows.predicted()
    # a routing that was never drawn has value 0 here; the bounds are opened for it below
    told_was = np.where(rows.was_chance > 0, told_was, 0.0)
    told_now = np.where(rows.now_chance > 0, told_now, 0.0)
    was, now = rows.weights(rows.was), rows.weights(rows.now)
    one, other = (
        off_policy_value(rows.y, weights, told_routed, expected, rows.account, level=level)
        for weights, expected in ((was, told_was), (now, told_now))
    )
    inverse = [inverse_propensity_terms(rows.y, weights) for weights in (was, now)]
    robust = [
        doubly_robust_terms(rows.y, weights, told_routed, expected)
        for weights, expected in ((was, told_was), (now, told_now))
    ]
    ratios = [self_normalised(rows.y, weights) for weights in (was, now)]
    moved = ratios[1][1] - ratios[0][1]
    shift = ratios[1][0] - ratios[0][0] - float(moved.mean())

    def opened(
        method: Method, one: Interval, other: Interval, difference: Interval | None
    ) -> ValueEstimate:
        return _opened(
            ValueEstimate(method=method, was=one, now=other, difference=difference), untold
        )

    return (
        opened(
            "inverse propensity",
            one.inverse_propensity,
            other.inverse_propensity,
            mean_bounds(inverse[1] - inverse[0], rows.account, level),
        ),
        opened(
            "self-normalised inverse propensity",
            one.self_normalised,
            other.self_normalised,
            _moved(mean_bounds(moved, rows.account, level), shift),
        ),
        opened(
            "doubly robust",
            one.doubly_robust,
            other.doubly_robust,
            mean_bounds(robust[1] - robust[0], rows.account, level),
        ),
        opened(
            "inverse propensity, any sample size",
            _any_size(rows, was, level),
            _any_size(rows, now, level),
            None,
        ),
    )


def _any_size(rows: _Rows, weights: Floats, level: float) -> Interval:
    """Bounds of the value for the first lead of each account, so that units are independent."""
    first = np.sort(np.unique(rows.account, return_index=True)[1])
    y, weight = rows.y[first], weights[first]
    return betting_bounds(weight * y, mirrored=weight * (1 - y), level=level)


def _opened(estimate: ValueEstimate, untold: tuple[float, float]) -> ValueEstimate:
    """Bounds that hold whatever becomes of leads whose routing was never drawn."""
    before, after = untold
    difference = estimate.difference
    return ValueEstimate(
        method=estimate.method,
        was=_moved(estimate.was, 0.0, high=before),
        now=_moved(estimate.now, 0.0, high=after),
        difference=None if difference is None else _moved(difference, 0.0, before, after),
    )


def _moved(one: Interval, by: float, low: float = 0.0, high: float = 0.0) -> Interval:
    return Interval(
        value=one.value + by,
        low=one.low + by - low,
        high=one.high + by + high,
        level=one.level,
    )
