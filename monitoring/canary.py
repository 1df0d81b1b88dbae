"""Canary comparison: champion against challenger on the same matured decisions.

Both scored every decision, one of them unseen, so differences are paired: what the leads have in
common cancels out. What decides is the mean difference of their Brier scores, summed by account,
in the order of decisions, within bounds that hold however often one looks (`measures.
confidence_sequences`; the estimand of Choe and Ramdas, Operations Research 72(4), 2024). All other
measures are shown.
"""

from functools import partial

import msgspec
import numpy as np

from domain.clock import DAY
from domain.measurement import Interval
from domain.versions.certificate import Certificate
from measures.calibration import brier
from measures.confidence_sequences import (
    ConfidenceSequence,
    best_precision,
    boundary,
    confidence_sequence,
    effective_units,
    functional_interval,
)
from measures.ranking import auroc, auroc_influence
from monitoring.canary_measures import Compared, compared_measures
from monitoring.canary_rule import CanaryRule
from monitoring.canary_target import Learnt, Target
from monitoring.certificate import CertificateTerms, KnownThen, certify
from monitoring.outcomes import OutcomeTable
from monitoring.verdict import OUTCOMES, CanaryOutcome, Loss, Verdict, needed

LOOKS = 60
"""Points of the sequence that a verdict keeps, to be drawn."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The sequence after so many matured decisions; bounds are None while too few have."""

    matured: int
    value: float
    low: float | None
    high: float | None


class CanaryVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    `outcome` is what CI and rollouts make of `verdict`; `decides` is what it rests on, None where
    too little has matured. `needed` estimates how many more matured decisions a verdict takes.
    `reasons` says why, a sentence each; `target` which outcome decided. `looks` are points of the
    confidence sequence, `certificate` is None where no proper score could be compared. `source`
    says which decisions or rows were compared, "" for all recorded decisions.
    """

    outcome: CanaryOutcome
    reasons: tuple[str, ...]
    champion: str
    challenger: str
    paired: int
    matured: int
    positives: int
    measures: tuple[Compared, ...]
    rule: CanaryRule
    target: str = ""
    verdict: Verdict = "undecided"
    decides: Loss | None = None
    needed: int | None = None
    looks: tuple[Look, ...] = ()
    certificate: Certificate | None = None
    source: str = ""

    @property
    def passed(self) -> bool:
        """Whether the challenger may take over."""
        return self.outcome == "pass"


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """Matured decisions that both versions scored, in the order in which they were made, [n].

    `matured_us`: every decision up to that moment has matured.
    """

    y: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray
    account: np.ndarray
    decided_us: np.ndarray
    decision_ids: tuple[str, ...]
    matured_us: int

    def __len__(self) -> int:
        return len(self.y)

    @property
    def brier_difference(self) -> np.ndarray:
        """Per decision [n], the challenger's squared error less the champion's, in −1..1."""
        return np.asarray((self.challenger - self.y) ** 2 - (self.champion - self.y) ** 2)


def not_comparable(
    champion: str, challenger: str, one: Learnt, other: Learnt, rule: CanaryRule
) -> CanaryVerdict:
    """The verdict on versions that learnt different things: none can be told."""
    reason = f"{champion} tells {one.in_words}, {challenger} {other.in_words}"
    if one.outcome == other.outcome:
        reason += ": state `--horizon-days` on which both are to be ranked"
    return CanaryVerdict(
        outcome="inconclusive",
        reasons=(reason,),
        champion=champion,
        challenger=challenger,
        paired=0,
        matured=0,
        positives=0,
        measures=(),
        rule=rule,
    )


def paired(table: OutcomeTable, champion: str, challenger: str) -> tuple[Paired, int]:
    """The decisions to compare on, and how many both scored, matured or not.

    A decision enters once all before it have matured, so that conversions that come early don't
    count first (Henzi and Ziegel, Biometrika 109(3), with its correction 109(4):1181).
    """
    a, b = table.scores_of(champion), table.scores_of(challenger)
    both = np.flatnonzero(np.isfinite(a) & np.isfinite(b))
    order = both[np.lexsort((np.asarray(table.decision_ids)[both], table.decided_us[both]))]
    immature = np.flatnonzero(~table.matured[order])
    rows = order[: immature[0]] if len(immature) else order
    wait_days = table.rule.horizon_days + table.rule.grace_days
    return Paired(
        y=table.y[rows].astype(np.float64),
        champion=a[rows],
        challenger=b[rows],
        account=table.account[rows],
        decided_us=table.decided_us[rows],
        decision_ids=tuple(table.decision_ids[i] for i in rows),
        matured_us=table.watermark_us - round(wait_days * DAY),
    ), len(both)


def compare(
    table: OutcomeTable,
    champion: str,
    challenger: str,
    rule: CanaryRule,
    target: Target | None = None,
    *,
    margin: float | None = None,
    known: KnownThen | None = None,
) -> CanaryVerdict:
    """Compare two versions on the decisions of a table that both of them scored.

    `target` is the outcome that the table tells; where it is not what both learnt, only how they
    rank leads is compared. `margin` is how much worse the Brier score may be, known before; by
    default the rule's share of the champion's skill on these decisions. `known` is what the
    table was made of: without it there is no certificate.
    """
    rows, both = paired(table, champion, challenger)
    fully = target is None or target.of_both
    positives = int(rows.y.sum())
    if margin is None and len(rows):
        margin = rule.brier_margin(positives / len(rows), brier(rows.y, rows.champion))
    certificate = None
    if fully and margin is not None and known is not None and len(rows):
        terms = CertificateTerms.by(rule, margin)
        certificate = certify(rows.brier_difference, rows, terms, known)
    too_few = _too_few(rows, rule)
    undecided = CanaryVerdict(
        outcome="inconclusive",
        reasons=tuple(too_few),
        champion=champion,
        challenger=challenger,
        paired=both,
        matured=len(rows),
        positives=positives,
        measures=(),
        rule=rule,
        target="" if target is None else target.in_words,
        certificate=certificate,
    )
    if too_few:
        return undecided
    loss, radius, looks = (_by_brier if fully else _by_ranking)(rows, rule, margin or 0.0)
    more = needed(loss, len(rows), radius)
    outlook = (_outlook(more),) if loss.verdict == "undecided" else ()
    return msgspec.structs.replace(
        undecided,
        outcome=OUTCOMES[loss.verdict],
        verdict=loss.verdict,
        reasons=(loss.in_words, *outlook),
        measures=compared_measures(rows, rule, fully=fully),
        decides=loss,
        needed=more,
        looks=looks,
    )


def _by_brier(
    rows: Paired, rule: CanaryRule, margin: float
) -> tuple[Loss, partial[float], tuple[Look, ...]]:
    at = np.unique(np.linspace(1, len(rows), LOOKS).astype(np.int64))
    sequence = confidence_sequence(
        rows.brier_difference,
        rows.account,
        level=rule.level,
        best_at=rule.best_at,
        fewest=rule.min_accounts,
        looks=at,
    )
    loss = Loss(name="Brier score", difference=sequence.last, margin=margin)
    return loss, _later(sequence.last, float(sequence.units[-1]), rule), _looks(sequence)


def _by_ranking(
    rows: Paired, rule: CanaryRule, margin: float
) -> tuple[Loss, partial[float], tuple[Look, ...]]:
    """The AUROC, turned so that positive is worse."""
    del margin
    lost = auroc(rows.y, rows.champion) - auroc(rows.y, rows.challenger)
    moved = auroc_influence(rows.y, rows.champion) - auroc_influence(rows.y, rows.challenger)
    settings = {"level": rule.level, "best_at": rule.best_at, "fewest": rule.min_accounts}
    interval = functional_interval(lost, moved, rows.account, **settings)
    loss = Loss(name="AUROC lost", difference=interval, margin=rule.ranking_margin)
    return loss, _later(interval, effective_units(rows.account), rule), ()


def _later(interval: Interval, units: float, rule: CanaryRule) -> partial[float]:
    """The half width once there are so many times the units."""
    precision = best_precision(rule.best_at, rule.alpha)

    def half(now: float, times: float) -> float:
        grown = boundary(np.array([units, units * times]), rule.alpha, precision)
        return float(now * grown[1] / grown[0] / times)

    return partial(half, (interval.high - interval.low) / 2)


def _looks(sequence: ConfidenceSequence) -> tuple[Look, ...]:
    return tuple(
        Look(
            matured=int(n),
            value=float(value),
            low=float(low) if np.isfinite(low) else None,
            high=float(high) if np.isfinite(high) else None,
        )
        for n, value, low, high in zip(
            sequence.looks, sequence.value, sequence.low, sequence.high, strict=True
        )
    )


def _outlook(more: int | None) -> str:
    if more is None:
        return "no end is in sight: the difference lies too close to the margin"
    return f"about {more:,} more matured decisions decide it, if the difference stays so"


def _too_few(rows: Paired, rule: CanaryRule) -> list[str]:
    reasons = []
    positives = int(rows.y.sum())
    if len(rows) < rule.min_matured:
        reasons.append(
            f"{len(rows)} matured decisions scored by both, {rule.min_matured} are needed"
        )
    if positives < rule.min_positives:
        reasons.append(f"{positives} of them positive, {rule.min_positives} are needed")
    effective = effective_units(rows.account)
    if effective < rule.min_accounts:
        reasons.append(
            f"they count as {effective:.0f} accounts of one size, {rule.min_accounts} are needed"
        )
    return reasons
