"""Decisions in the making: what was scored of some rows, and the record of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from catboost import Pool
from numpy.typing import NDArray

from decisions.decision_id import new_decision_id
from domain.clock import SECOND, iso
from domain.decisions import Asked, DecisionRecord, Facts
from domain.definition import FeatureDefinition
from domain.findings import Findings
from domain.scores import Reason, ScoreAnswer, VersionSet
from domain.state import Matrix
from scoring.arms import Assigned, Version
from scoring.facts import facts_of
from scoring.live import Live, Loaded
from scoring.live_policy import LivePolicies
from scoring.reasons import CATALOGUE
from scoring.routing import Routed, answering, looks_at, route
from scoring.rows import Rows
from scoring.scorer import Scored

Values = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class ByVersion:
    """What one version says of all rows: scores, contributions [n, features], unlike training."""

    loaded: Loaded
    scored: Scored
    contributions: NDArray[np.float64]
    unlike: list[bool]


class Names(NamedTuple):
    """The names of the columns of rows."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are answered together. `sound` [n]: whether features break no rule.

    `numbers` are the rows' own, `features` the same with None for what is missing.
    """

    definition: FeatureDefinition
    names: Names
    rows: Rows
    numbers: list[list[float]]
    features: list[list[float | None]]
    watermark_us: int
    live: Live
    policies: LivePolicies
    assigned: Sequence[Assigned]
    scored: dict[Version, ByVersion]
    sound: list[bool]
    random_bytes: Callable[[int], bytes]

    def reasons(self) -> list[str]:
        """Why each answer [n] is degraded, of `domain.ports.DEGRADED_BY`, or ""."""
        return [self.reason(i) for i in range(len(self.assigned))]

    def reason(self, row: int) -> str:
        """Why one answer is degraded."""
        if not self.sound[row]:
            return "features"
        return "inputs" if self.scored[self.assigned[row].version].unlike[row] else ""


def scored_by(live: Live, rows: Rows, found: Findings) -> dict[Version, ByVersion]:
    """What the champion, and a challenger where there is one, say of rows."""
    versions: dict[Version, Loaded] = {"champion": live.champion}
    if live.challenger is not None:
        versions["challenger"] = live.challenger
    pools: dict[object, Pool] = {}
    for one in versions.values():
        if one.scorer.takes not in pools:
            pools[one.scorer.takes] = one.scorer.pool(rows.numbers, rows.texts)
    return {name: _by(one, rows, pools[one.scorer.takes], found) for name, one in versions.items()}


def _by(loaded: Loaded, rows: Rows, pool: Pool, found: Findings) -> ByVersion:
    scored = loaded.scorer.score(rows.numbers, rows.texts, pool)
    unlike = loaded.inputs.degraded(rows.numbers, rows.texts, found).tolist()
    return ByVersion(loaded, scored, loaded.scorer.explain(scored.leaves), unlike)


def records_of(batch: Batch, asked: Sequence[Asked]) -> list[DecisionRecord]:
    """The record of each row's decision, with its answer.

    One step for all rows, then the next: what a step needs stays in the processor's caches.
    """
    rows = range(len(asked))
    values = [_values(batch, row) for row in rows]
    reasons = [_reasons(batch, row, values[row]) for row in rows]
    facts = [_facts(batch, row, values[row]) for row in rows]
    routed = [_routed(batch, row, facts[row]) for row in rows]
    return [_record(batch, row, asked[row], facts[row], routed[row], reasons[row]) for row in rows]


def _record(
    batch: Batch,
    row: int,
    asked: Asked,
    facts: Facts,
    routed: Routed,
    reasons: tuple[Reason, ...],
) -> DecisionRecord:
    rows, assigned = batch.rows, batch.assigned[row]
    return DecisionRecord(
        decided_us=rows.as_of_us,
        as_of_us=rows.as_of_us,
        watermark_us=batch.watermark_us,
        account_id=rows.leads[row].account_id,
        features=tuple(batch.features[row]),
        texts=tuple(rows.texts[row]),
        margin=float(batch.scored[assigned.version].scored.margins[row]),
        rollout=batch.live.rollout.id if batch.live.rollout else "",
        shadow={
            other.loaded.scorer.label: float(other.scored.scores[row])
            for name, other in batch.scored.items()
            if name != assigned.version
        },
        facts=facts,
        answer=_answer(batch, row, facts, routed, reasons, asked.trace_id),
        assigned=assigned.each,
        shadow_decisions=routed.shadow,
        drawn=routed.drawn,
        request=asked.request,
    )


def _routed(batch: Batch, row: int, facts: Facts) -> Routed:
    lead = batch.rows.leads[row]
    account = lead.account_id or lead.lead_id
    return route(batch.policies, batch.assigned[row], facts, account)


def _values(batch: Batch, row: int) -> Values:
    values: Values = dict(zip(batch.names.numbers, batch.numbers[row], strict=True))
    values.update(zip(batch.names.texts, batch.rows.texts[row], strict=True))
    return values


def with_none(numbers: Matrix) -> list[list[float | None]]:
    """Numbers [n, m] with None for what is missing."""
    held = numbers.astype(object)
    held[np.isnan(numbers)] = None
    found: list[list[float | None]] = held.tolist()
    return found


def _reasons(batch: Batch, row: int, values: Values) -> tuple[Reason, ...]:
    mine = batch.scored[batch.assigned[row].version]
    return mine.loaded.reasoner.reasons(mine.contributions[row], values)


def _facts(batch: Batch, row: int, values: Values) -> Facts:
    assigned, rows = batch.assigned[row], batch.rows
    mine = batch.scored[assigned.version].scored
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
    batch: Batch,
    row: int,
    facts: Facts,
    routed: Routed,
    reasons: tuple[Reason, ...],
    trace_id: str,
) -> ScoreAnswer:
    assigned, as_of_us = batch.assigned[row], batch.rows.as_of_us
    known_us = batch.rows.states.known_us[row]
    return ScoreAnswer(
        lead_id=batch.rows.leads[row].lead_id,
        score=facts.score,
        percentile=facts.percentile,
        grade=facts.grade,
        reasons=reasons,
        decision=routed.decision,
        versions=VersionSet(
            model=batch.scored[assigned.version].loaded.scorer.label,
            feature_service=batch.definition.label,
            policy=answering(batch.policies, assigned).label,
            catalogue=CATALOGUE,
        ),
        arm=assigned.arm,
        arms=assigned.arms,
        features_as_of=iso(known_us),
        staleness_s=max(0.0, (as_of_us - known_us) / SECOND),
        degraded=bool(batch.reason(row)),
        decision_id=new_decision_id(as_of_us, batch.random_bytes),
        trace_id=trace_id,
    )
