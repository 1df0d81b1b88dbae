"""What became of what was decided: decisions joined with outcomes, as columns."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY
from domain.decisions import DecisionRecord
from domain.errors import BadConfiguration, UnknownLead

OutcomesByLead = Mapping[str, Sequence[tuple[str, int]]]
"""Lead id, current or former, to its outcomes: (name, microseconds since 1970), in any order."""

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
    the horizon, else 0; it says something only where `matured`.
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

    def __len__(self) -> int:
        return len(self.score)

    def scores_of(self, label: str) -> NDArray[np.float64]:
        """A version's scores [n], served or unseen; NaN where it gave none."""
        unseen = self.shadow.get(label, np.full(len(self), np.nan))
        return np.where(self.model == label, self.score, unseen)


@dataclass(frozen=True, slots=True)
class _Kept:
    record: DecisionRecord
    lead: str
    y: int
    matured: bool


def join(
    records: Iterable[DecisionRecord],
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
    known = _canonical_outcomes(outcomes, canonical, watermark_us)
    named, unknown = _resolve(records, canonical)
    seen: set[tuple[str, int]] = set()
    period = round(rule.repeat_days * DAY)
    kept: list[_Kept] = []
    closed = 0
    for lead, record in named:
        happened = known.get(lead, {})
        if any(t[0] <= record.as_of_us for n, t in happened.items() if n in rule.closing):
            closed += 1
            continue
        key = (lead, record.as_of_us // period)
        if key not in seen:
            seen.add(key)
            kept.append(_judge(record, lead, happened.get(rule.outcome, ()), rule, watermark_us))
    matured = sum(k.matured for k in kept)
    counts = JoinCounts(
        decisions=len(named) + unknown,
        kept=len(kept),
        repeats=len(named) - closed - len(kept),
        closed=closed,
        unknown=unknown,
        matured=matured,
        immature=len(kept) - matured,
        early_positives=sum(k.y for k in kept if not k.matured),
    )
    return _columns(kept, rule, watermark_us, counts, _clusters(named))


def _canonical_outcomes(
    outcomes: OutcomesByLead, canonical: Callable[[str], str], watermark_us: int
) -> dict[str, dict[str, list[int]]]:
    """Per canonical lead and outcome name, the moments, ascending."""
    known: dict[str, dict[str, list[int]]] = {}
    for lead_id, happened in outcomes.items():
        try:
            lead = canonical(lead_id)
        except UnknownLead:
            continue
        times = known.setdefault(lead, {})
        for name, at in happened:
            if at <= watermark_us:
                times.setdefault(name, []).append(at)
    for times in known.values():
        for moments in times.values():
            moments.sort()
    return known


def _resolve(
    records: Iterable[DecisionRecord], canonical: Callable[[str], str]
) -> tuple[list[tuple[str, DecisionRecord]], int]:
    """Decisions with their canonical leads, by the moment they speak of; and how many have none."""
    named: list[tuple[str, DecisionRecord]] = []
    unknown = 0
    for record in records:
        try:
            named.append((canonical(record.answer.lead_id), record))
        except UnknownLead:
            unknown += 1
    named.sort(key=lambda p: (p[1].as_of_us, p[1].decided_us, p[1].answer.decision_id))
    return named, unknown


def _judge(
    record: DecisionRecord, lead: str, moments: Sequence[int], rule: JoinRule, watermark_us: int
) -> _Kept:
    end = record.as_of_us + round(rule.horizon_days * DAY)
    at = bisect_right(moments, record.as_of_us)
    positive = at < len(moments) and moments[at] <= end
    matured = end + round(rule.grace_days * DAY) <= watermark_us
    return _Kept(record, lead, int(positive), matured)


def _clusters(named: Sequence[tuple[str, DecisionRecord]]) -> dict[str, str]:
    """The account of each lead by its newest decision that names one; without one, itself."""
    accounts: dict[str, str] = {}
    for lead, record in named:
        if record.account_id:
            accounts[lead] = f"account {record.account_id}"
        else:
            accounts.setdefault(lead, f"lead {lead}")
    return accounts


def _columns(
    kept: Sequence[_Kept],
    rule: JoinRule,
    watermark_us: int,
    counts: JoinCounts,
    clusters: Mapping[str, str],
) -> OutcomeTable:
    leads, lead = _codes([k.lead for k in kept])
    _, account = _codes([clusters[k.lead] for k in kept])
    answers = [k.record.answer for k in kept]
    labels = sorted({label for k in kept for label in k.record.shadow})
    return OutcomeTable(
        rule=rule,
        watermark_us=watermark_us,
        counts=counts,
        lead_ids=leads,
        decision_ids=tuple(a.decision_id for a in answers),
        decided_us=_array([k.record.decided_us for k in kept], np.int64),
        as_of_us=_array([k.record.as_of_us for k in kept], np.int64),
        lead=lead,
        account=account,
        score=_array([a.score for a in answers], np.float64),
        arm=_array([a.arm for a in answers], np.str_),
        model=_array([a.versions.model for a in answers], np.str_),
        shadow={
            label: _array([k.record.shadow.get(label, np.nan) for k in kept], np.float64)
            for label in labels
        },
        y=_array([k.y for k in kept], np.int8),
        matured=_array([k.matured for k in kept], np.bool_),
    )


def _codes(names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Distinct names in the order of their first use, and each entry's index among them."""
    index: dict[str, int] = {}
    codes = [index.setdefault(name, len(index)) for name in names]
    return tuple(index), _array(codes, np.int64)


def _array(values: Sequence[object], dtype: type[np.generic]) -> NDArray[Any]:
    column = np.asarray(values, dtype=dtype)
    column.setflags(write=False)
    return column
