"""Decisions in the making: what was scored of some rows, and the record of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decisions.audit.decision_id import new_decision_id
from decisions.overrides.in_force import NONE_IN_FORCE, OverridesInForce
from domain.clock import SECOND, iso, monotonic_us
from domain.decisions import DecisionRecord, Facts, PolicyQuestion
from domain.definition import FeatureDefinition
from domain.findings import QualityFindings
from domain.ports import ARM_FAILED
from domain.scores import Reason, ScoreAnswer, VersionSet
from domain.state import Matrix
from scoring.assignment import AssignedArm, VersionLabel
from scoring.challenger_isolation import ArmFailures
from scoring.feature_rows import FeatureRows
from scoring.live_models import Live, Loaded
from scoring.live_policy import LivePolicies
from scoring.model.reasons import CATALOGUE
from scoring.model.scorer import Scored
from scoring.policy_facts import facts_of
from scoring.routing import Routed, answering, looks_at, route

FeatureValues = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class ByVersion:
    """One version's results for all rows: scores, contributions [n, features], unlike training."""

    loaded: Loaded
    scored: Scored
    contributions: NDArray[np.float64]
    unlike: list[bool]


class Names(NamedTuple):
    """The names of the columns of rows."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """Rows that are answered together. `sound` [n]: whether features break no rule.

    `numbers` are the rows' own, `features` the same with None for what is missing.
    """

    definition: FeatureDefinition
    names: Names
    rows: FeatureRows
    numbers: list[list[float]]
    features: list[list[float | None]]
    watermark_us: int
    live: Live
    policies: LivePolicies
    assigned: Sequence[AssignedArm]
    scored: dict[VersionLabel, ByVersion]
    sound: list[bool]
    random_bytes: Callable[[int], bytes]
    failures: ArmFailures = field(default_factory=ArmFailures)
    overrides: OverridesInForce = NONE_IN_FORCE

    def version(self, row: int) -> VersionLabel:
        """Which version answers: that of the arm, or the champion where the arm's failed."""
        label = self.assigned[row].version
        return label if label in self.scored else "champion"

    def reason(self, row: int) -> str:
        """Why one answer is degraded, of `domain.ports.DEGRADED_BY`, or ""."""
        why = self.rows.states.degraded
        if why and why[row]:
            return why[row]
        if self._arm_failed(self.assigned[row]):
            return ARM_FAILED
        if not self.sound[row]:
            return "features"
        return "inputs" if self.scored[self.version(row)].unlike[row] else ""

    def _arm_failed(self, assigned: AssignedArm) -> bool:
        model = assigned.version not in self.scored
        return model or (assigned.arms.policy == "challenger" and self.policies.challenger is None)


def scored_by(
    live: Live, rows: FeatureRows, findings: QualityFindings, failures: ArmFailures
) -> dict[VersionLabel, ByVersion]:
    """What the champion, and a challenger where there is one that works, say of rows."""
    scored: dict[VersionLabel, ByVersion] = {"champion": _by(live.champion, rows, findings)}
    if (other := live.challenger) is not None:
        by_challenger = failures.attempt(other.scorer.label, lambda: _by(other, rows, findings))
        if by_challenger is not None:
            scored["challenger"] = by_challenger
    return scored


def _by(loaded: Loaded, rows: FeatureRows, findings: QualityFindings) -> ByVersion:
    scored = loaded.scorer.score(rows.numbers, rows.texts)
    unlike = loaded.inputs.degraded(rows.numbers, rows.texts, findings)
    return ByVersion(loaded, scored, loaded.scorer.explain(scored.leaves), unlike)


def records_of(batch: ScoredBatch, questions: Sequence[PolicyQuestion]) -> list[DecisionRecord]:
    """The record of each row's decision, with its answer.

    Where the challenger among policies fails on a row the champion decides alone; its own errors
    are raised.
    """
    every, challenger = range(len(questions)), batch.policies.challenger
    if challenger is None:
        return _records(batch, questions, every)
    label, alone = challenger.label, replace(batch, policies=without_challenger(batch.policies))
    records = batch.failures.attempt(label, lambda: _records(batch, questions, every))
    if records is not None:
        return records
    complete: list[DecisionRecord] = []
    for row in every:
        one = batch.failures.attempt(label, partial(_records, batch, questions, (row,)))
        complete += _records(alone, questions, (row,)) if one is None else one
    return complete


def without_challenger(policies: LivePolicies) -> LivePolicies:
    """The champion, while everything else stays as it is."""
    return replace(policies, challenger=None)


def _records(
    batch: ScoredBatch, questions: Sequence[PolicyQuestion], rows: Sequence[int]
) -> list[DecisionRecord]:
    """One step for all rows, then the next: what a step needs stays in the processor's caches."""
    values = [_values(batch, row) for row in rows]
    reasons = [
        _reasons(batch, row, shap_values) for row, shap_values in zip(rows, values, strict=True)
    ]
    facts = [_facts(batch, row, shap_values) for row, shap_values in zip(rows, values, strict=True)]
    routed = [
        _routed(batch, row, facts_of_row) for row, facts_of_row in zip(rows, facts, strict=True)
    ]
    parts = zip(rows, facts, routed, reasons, strict=True)
    return [
        _record(batch, row, questions[row], facts_of_row, way, why)
        for row, facts_of_row, way, why in parts
    ]


def _record(
    batch: ScoredBatch,
    row: int,
    question: PolicyQuestion,
    facts: Facts,
    routed: Routed,
    reasons: tuple[Reason, ...],
) -> DecisionRecord:
    rows, assigned, version = batch.rows, batch.assigned[row], batch.version(row)
    return DecisionRecord(
        decided_us=rows.as_of_us,
        as_of_us=rows.as_of_us,
        watermark_us=batch.watermark_us,
        account_id=rows.leads[row].account_id,
        features=tuple(batch.features[row]),
        texts=tuple(rows.texts[row]),
        margin=float(batch.scored[version].scored.margins[row]),
        rollout=batch.live.rollout.id if batch.live.rollout else "",
        shadow={
            other.loaded.scorer.label: float(other.scored.scores[row])
            for name, other in batch.scored.items()
            if name != version
        },
        facts=facts,
        answer=_answer(batch, row, facts, routed, reasons, question.trace_id),
        assigned=assigned.each,
        shadow_decisions=routed.shadow,
        drawn=routed.drawn,
        override=routed.override,
        request=question.request,
        took_us=None if question.arrived_us is None else monotonic_us() - question.arrived_us,
    )


def _routed(batch: ScoredBatch, row: int, facts: Facts) -> Routed:
    lead = batch.rows.leads[row]
    account = lead.account_id or lead.lead_id
    override = batch.overrides.of(lead.lead_id, lead.account_id, batch.rows.as_of_us)
    return route(batch.policies, batch.assigned[row], facts, account, override)


def _values(batch: ScoredBatch, row: int) -> FeatureValues:
    values: FeatureValues = dict(zip(batch.names.numbers, batch.numbers[row], strict=True))
    values.update(zip(batch.names.texts, batch.rows.texts[row], strict=True))
    return values


def with_none(numbers: Matrix) -> list[list[float | None]]:
    """Numbers [n, m] with None for what is missing."""
    objects = numbers.astype(object)
    objects[np.isnan(numbers)] = None
    lists: list[list[float | None]] = objects.tolist()
    return lists


def _reasons(batch: ScoredBatch, row: int, values: FeatureValues) -> tuple[Reason, ...]:
    mine = batch.scored[batch.version(row)]
    return mine.loaded.reasoner.reasons(mine.contributions[row], values)


def _facts(batch: ScoredBatch, row: int, values: FeatureValues) -> Facts:
    assigned, rows = batch.assigned[row], batch.rows
    mine = batch.scored[batch.version(row)].scored
    return facts_of(
        answering(batch.policies, assigned),
        looks_at(batch.policies),
        values,
        rows.states.texts[row][-1],
        float(mine.scores[row]),
        float(mine.percentiles[row]),
        account_known=bool(rows.leads[row].account_id),
    )


def _answer(
    batch: ScoredBatch,
    row: int,
    facts: Facts,
    routed: Routed,
    reasons: tuple[Reason, ...],
    trace_id: str,
) -> ScoreAnswer:
    assigned, as_of_us = batch.assigned[row], batch.rows.as_of_us
    known_us, reason = batch.rows.states.known_us[row], batch.reason(row)
    return ScoreAnswer(
        lead_id=batch.rows.leads[row].lead_id,
        score=facts.score,
        percentile=facts.percentile,
        grade=facts.grade,
        reasons=reasons,
        decision=routed.decision,
        versions=VersionSet(
            model=batch.scored[batch.version(row)].loaded.scorer.label,
            feature_service=batch.definition.label,
            policy=answering(batch.policies, assigned).label,
            catalogue=CATALOGUE,
        ),
        arm=assigned.arm,
        arms=assigned.arms,
        features_as_of=iso(known_us),
        staleness_s=max(0.0, (as_of_us - known_us) / SECOND),
        degraded=bool(reason),
        degraded_by=reason,
        decision_id=new_decision_id(as_of_us, batch.random_bytes),
        trace_id=trace_id,
    )
