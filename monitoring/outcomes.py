"""What became of what was decided: decisions joined with outcomes, as columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY
from domain.errors import BadConfiguration, UnknownLead
from monitoring.decision_columns import Decided, DecisionColumns, Ints

OutcomesByLead = Mapping[str, Sequence[tuple[str, int]]]
"""Lead id, current or former, to its outcomes: (name, microseconds since 1970), in any order."""

Canonical = Callable[[Sequence[str]], Sequence[str | None]]
"""The current id of each lead id, which may have been merged since; None where it is unknown."""

Positive = Annotated[float, msgspec.Meta(gt=0)]


class JoinRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as the outcome of a decision.

    A decision as of T is positive where `outcome` happened within (T, T + horizon], the end
    included; what happened at T itself its features already knew. It has matured once the
    watermark stands at T + horizon + grace or later; the grace is for outcomes told late.
    Of several decisions of one lead within one period of `repeat_days` (counted from 1970, so
    that 1 is the UTC day) the first is kept. A lead that had one of the outcomes of `closing` at
    or before T was decided already: such a decision is left out.
    """

    outcome: str
    horizon_days: Positive
    repeat_days: Positive = 1.0
    grace_days: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    closing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        days = (self.horizon_days, self.repeat_days)
        if min(days) <= 0 or self.grace_days < 0:
            raise BadConfiguration(
                f"horizon_days is {days[0]:g}, repeat_days {days[1]:g}, "
                f"grace_days {self.grace_days:g}",
                rule="join-days-positive",
            )


class JoinCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What went in and what was left out; `decisions` is the sum of the four after it.

    `kept` = `matured` + `immature`. `repeats`: a lead's later decisions of the same period.
    `closed`: the lead was decided already. `unknown`: the lead is no longer known, as when it
    was erased. `early_positives`: immature ones whose outcome happened already; they stay
    immature, since their like without an outcome cannot be told yet.
    """

    decisions: int
    kept: int
    repeats: int
    closed: int
    unknown: int
    matured: int
    immature: int
    early_positives: int


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """Decisions and what became of them; every array has one entry per decision, oldest first.

    `decided_us`, `as_of_us`: microseconds since 1970. `lead`: index into `lead_ids`, which are
    canonical. `account`: cluster number; leads without an account are clusters of their own.
    `score`: what was served, a probability. `arm`, `model`: text. `shadow`: per version label,
    the score it gave unseen, NaN where it gave none. `y`: 1 where the outcome happened within
    the horizon, else 0; it says something only where `matured`. `place` is that of the decision
    among those that were joined.
    """

    rule: JoinRule
    watermark_us: int
    counts: JoinCounts
    lead_ids: tuple[str, ...]
    decision_ids: tuple[str, ...]
    decided_us: NDArray[np.int64]
    as_of_us: NDArray[np.int64]
    lead: NDArray[np.int64]
    account: NDArray[np.int64]
    score: NDArray[np.float64]
    arm: NDArray[np.str_]
    model: NDArray[np.str_]
    shadow: dict[str, NDArray[np.float64]]
    y: NDArray[np.int8]
    matured: NDArray[np.bool_]
    place: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.score)

    def scores_of(self, label: str) -> NDArray[np.float64]:
        """A version's scores [n], served or unseen; NaN where it gave none."""
        unseen = self.shadow.get(label, np.full(len(self), np.nan))
        return np.where(self.model == label, self.score, unseen)


AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """Decisions that count [n]: their places, leads, clusters, and what became of them."""

    place: Ints
    lead: Ints
    account: Ints
    y: NDArray[np.bool_]
    matured: NDArray[np.bool_]


def join(
    records: Iterable[Decided],
    outcomes: OutcomesByLead,
    rule: JoinRule,
    *,
    watermark_us: int,
    canonical: Callable[[str], str] = str,
) -> OutcomeTable:
    """Decisions, in any order, with what became of their leads as known at the watermark.

    `canonical` gives the current id of a lead id that may have been merged since; where it
    raises UnknownLead the decision is counted and left out. Outcomes after the watermark are
    not looked at, so that a past state of knowledge can be rebuilt.
    """
    columns, records = DecisionColumns(), iter(records)
    while batch := list(islice(records, AT_ONCE)):
        columns.extend(batch)

    def each(leads: Sequence[str]) -> list[str | None]:
        return [_or_none(canonical, lead) for lead in leads]

    return join_columns(columns, outcomes, rule, watermark_us=watermark_us, canonical=each)


def join_columns(
    columns: DecisionColumns,
    outcomes: OutcomesByLead,
    rule: JoinRule,
    *,
    watermark_us: int,
    canonical: Canonical,
) -> OutcomeTable:
    """As `join`, of columns."""
    leads, lead = _current(columns.names("lead"), columns.column("lead"), canonical)
    known = np.flatnonzero(lead >= 0)
    named = known[_order(columns, lead, known)]
    happened = _happened(outcomes, leads, canonical, watermark_us)
    of, as_of = lead[named], columns.column("as_of_us")[named]
    closed = np.zeros(len(named), dtype=np.bool_)
    for name in rule.closing:
        closed |= happened.get(name, _NEVER).any_until(of, as_of)
    still_open = np.flatnonzero(~closed)
    chosen = still_open[_first(of[still_open], as_of[still_open] // round(rule.repeat_days * DAY))]
    start, end = as_of[chosen], as_of[chosen] + round(rule.horizon_days * DAY)
    kept = _Kept(
        place=named[chosen],
        lead=of[chosen],
        account=_clusters(columns, len(leads), lead, named)[chosen],
        y=happened.get(rule.outcome, _NEVER).any_between(of[chosen], start, end),
        matured=end + round(rule.grace_days * DAY) <= watermark_us,
    )
    left_out = len(columns) - len(known), int(closed.sum()), len(still_open) - len(chosen)
    return _table(columns, rule, watermark_us, _counts(kept, *left_out), leads, kept)


def _first(lead: Ints, period: Ints) -> Ints:
    """Places of the first row of each lead in each period, ascending."""
    order = np.lexsort((period, lead))  # stable: rows of one pair stay in their order
    one, other = lead[order], period[order]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.sort(order[new])


def _counts(kept: _Kept, unknown: int, closed: int, repeats: int) -> JoinCounts:
    size, matured = len(kept.place), int(kept.matured.sum())
    return JoinCounts(
        decisions=size + unknown + closed + repeats,
        kept=size,
        repeats=repeats,
        closed=closed,
        unknown=unknown,
        matured=matured,
        immature=size - matured,
        early_positives=int((kept.y & ~kept.matured).sum()),
    )


class _Moments:
    """When an outcome happened: leads [n] by number, and microseconds [n]."""

    def __init__(self, leads: Sequence[int], moments: Sequence[int]) -> None:
        at = np.array(moments, dtype=np.int64)
        self._lead = np.array(leads, dtype=np.int64)
        self._times, rank = np.unique(at, return_inverse=True)
        self._width = len(self._times) + 1
        self._keys = np.sort(self._lead * self._width + rank)

    def any_until(self, lead: Ints, until: Ints) -> NDArray[np.bool_]:
        """Whether it happened to each lead [n] at the moment [n] or before."""
        return self._any_until(lead * self._width, lead, until)

    def any_between(self, lead: Ints, after: Ints, until: Ints) -> NDArray[np.bool_]:
        """Whether it happened to each lead [n] after the one moment [n], until the other [n]."""
        first = np.searchsorted(self._times, after, side="right")
        return self._any_until(lead * self._width + first, lead, until)

    def _any_until(self, lowest: Ints, lead: Ints, until: Ints) -> NDArray[np.bool_]:
        last = lead * self._width + np.searchsorted(self._times, until, side="right")
        beyond = np.iinfo(np.int64).max
        keys = np.append(self._keys, beyond)
        return np.asarray(keys[np.searchsorted(self._keys, lowest)] < last)


_NEVER = _Moments((), ())


def _or_none(canonical: Callable[[str], str], lead: str) -> str | None:
    try:
        return canonical(lead)
    except UnknownLead:
        return None


def _current(
    names: Sequence[str], codes: Ints, canonical: Canonical
) -> tuple[tuple[str, ...], Ints]:
    """Current leads, ascending, and the number of each row's among them, -1 where unknown."""
    current = canonical(names)
    index = {lead: at for at, lead in enumerate(sorted({one for one in current if one}))}
    numbers = np.array([index[one] if one else -1 for one in current], dtype=np.int64)
    return tuple(index), numbers[codes]


def _happened(
    outcomes: OutcomesByLead, leads: Sequence[str], canonical: Canonical, watermark_us: int
) -> dict[str, _Moments]:
    """Per outcome, when it happened to which of the leads, as known at the watermark."""
    index = {lead: at for at, lead in enumerate(leads)}
    ids = list(outcomes)
    moments: dict[str, tuple[list[int], list[int]]] = {}
    for lead_id, current in zip(ids, canonical(ids), strict=True):
        at = index.get(current) if current else None
        for name, moment in outcomes[lead_id] if at is not None else ():
            if at is not None and moment <= watermark_us:
                whose, when = moments.setdefault(name, ([], []))
                whose.append(at)
                when.append(moment)
    return {name: _Moments(*columns) for name, columns in moments.items()}


def _order(columns: DecisionColumns, lead: Ints, known: Ints) -> Ints:
    """Decisions with their leads, by the moment they speak of: places among those `known`.

    Those of one moment are in the order of what they say, not of their ids, which are drawn: homes
    made alike then have the same rows in the same order, and so the same bootstrap draws.
    """
    models = np.argsort(np.argsort(columns.names("model")))
    model = models[columns.column("model")[known]] if len(known) else known
    keys = [columns.column("as_of_us")[known], lead[known], columns.column("decided_us")[known]]
    keys.append(model.astype(np.int64))
    order = np.lexsort(keys[::-1])
    same = np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for start, end in ends.reshape(-1, 2).tolist():
        run = order[start : end + 1].tolist()
        order[start : end + 1] = sorted(run, key=lambda at: columns.decision_ids[known[at]])
    return np.asarray(order, dtype=np.int64)


def _clusters(columns: DecisionColumns, leads: int, lead: Ints, named: Ints) -> Ints:
    """Each lead's account, by its newest decision that names one; without one, itself [named].

    Numbers are in the order of names, those of accounts first.
    """
    names = columns.names("account")
    rank = np.argsort(np.argsort(names)) if names else np.zeros(0, dtype=np.int64)
    account = columns.column("account")[named]
    with_one = np.array([bool(name) for name in names], dtype=np.bool_)
    some = with_one[account] if len(names) else np.zeros(0, dtype=np.bool_)
    cluster = len(names) + np.arange(leads)
    cluster[lead[named[some]]] = rank[account[some]]  # the newest stays
    return cluster[lead[named]]


def _table(
    columns: DecisionColumns,
    rule: JoinRule,
    watermark_us: int,
    counts: JoinCounts,
    leads: Sequence[str],
    kept: "_Kept",
) -> OutcomeTable:
    met, lead = np.unique(kept.lead, return_inverse=True)
    _, account = np.unique(kept.account, return_inverse=True)
    place = kept.place
    return OutcomeTable(
        rule=rule,
        watermark_us=watermark_us,
        counts=counts,
        lead_ids=tuple(leads[at] for at in met.tolist()),
        decision_ids=tuple(columns.decision_ids[at] for at in place.tolist()),
        decided_us=_fixed(columns.column("decided_us")[place]),
        as_of_us=_fixed(columns.column("as_of_us")[place]),
        lead=_fixed(lead.astype(np.int64)),
        account=_fixed(account.astype(np.int64)),
        score=_fixed(columns.column("score")[place].astype(np.float64)),
        arm=_fixed(_named(columns, "arm", place)),
        model=_fixed(_named(columns, "model", place)),
        shadow={label: _fixed(scores) for label, scores in columns.shadow(place).items()},
        y=_fixed(kept.y.astype(np.int8)),
        matured=_fixed(kept.matured),
        place=_fixed(place),
    )


def _named(columns: DecisionColumns, name: str, place: Ints) -> NDArray[np.str_]:
    names = np.array(columns.names(name), dtype=np.str_)
    return names[columns.column(name)[place]] if len(place) else np.zeros(0, dtype=np.str_)


def _fixed(column: NDArray[Any]) -> NDArray[Any]:
    column.setflags(write=False)
    return column
