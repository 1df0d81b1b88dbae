"""Canary comparisons, put together: recorded decisions, what became of them, and the rule."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import parse_iso, to_us
from domain.decisions import DecisionRecord
from domain.definition import FeatureDefinition
from domain.errors import Missing, NoModel
from domain.identifiers import is_identified
from domain.versions.certificate import Certificate
from domain.versions.manifest import Manifest, Stage, VersionKind
from monitoring.canary import CanaryVerdict, compare, not_comparable, paired
from monitoring.canary_rule import STANDARD_FILE, CanaryRule, load_rule
from monitoring.canary_target import Learnt, Target, common
from monitoring.certificate import CertificateTerms, KnownThen, certify
from monitoring.exposures import Exposure, exposures
from monitoring.outcomes import JoinRule, OutcomeTable, join
from monitoring.policy_canary import PolicyVerdict
from monitoring.policy_canary import compare_arms as compare_exposed
from registry.ledger_entry import LedgerEntry
from registry.rollout_state import Rollout
from registry.store import Registry
from signals.events.outcomes import newest_event, read_outcomes
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.signals import open_signals
from wiring.workflow import has_workflow, open_workflow
from workflow.store.journal import entries


@dataclass(frozen=True, slots=True)
class JoinedDecisions:
    """Decisions with what became of them, and what was known when they were joined."""

    table: OutcomeTable
    known: KnownThen


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step of a rollout that rests on a certificate, and the certificate made again."""

    entry: LedgerEntry
    recorded: Certificate
    recomputed: Certificate

    @property
    def sound(self) -> bool:
        """Whether both say the same, digit by digit."""
        return self.recorded == self.recomputed


def compare_versions(
    settings: Settings,
    champion: str | None,
    challenger: str | None,
    horizon_days: float | None = None,
    as_of_us: int | None = None,
) -> CanaryVerdict:
    """Compare two versions, by default champion and challenger, on recorded decisions.

    Versions that learn different things need a target in common, `horizon_days`; without one the
    verdict is inconclusive and says so. `as_of_us` takes the decisions made and the outcomes that
    happened until a moment; by default all.
    """
    registry = open_registry(settings)
    rule = load_rule(rules_file(settings, STANDARD_FILE))
    a = labelled(registry, champion, Stage.CHAMPION)
    b = labelled(registry, challenger, Stage.CHALLENGER)
    one, other = (learnt_by(registry.fetch(label)[1]) for label in (a, b))
    target = common(one, other, horizon_days)
    if target is None:
        return not_comparable(a, b, one, other, rule)
    margin = margin_of(registry.fetch(a)[1], rule)
    joined = join_decisions(settings, target, until_us=as_of_us)
    known = joined.known if as_of_us is None else None
    return compare(joined.table, a, b, rule, target, margin=margin, known=known)


def compare_arms(settings: Settings, plan: Rollout) -> PolicyVerdict | None:
    """Compare the arms of a rollout of policies or workflows, by the champion model's outcome.

    None where there is no champion model.
    """
    registry = open_registry(settings)
    champion = registry.at(Stage.CHAMPION)
    if champion is None:
        return None
    plane = open_signals(settings)
    return compare_exposed(
        exposed(settings, plan),
        read_outcomes(plane.engine, plane.definition),
        (plan.champion, plan.challenger),
        learnt_by(registry.fetch(champion)[1]),
        load_rule(rules_file(settings, STANDARD_FILE)),
        watermark_us=plane.directory.watermark_us(),
        canonical=lambda lead: plane.directory.resolve(lead).lead_id,
    )


def exposed(settings: Settings, plan: Rollout) -> Iterator[Exposure]:
    """The leads that came under a rollout, in their order.

    Of policies those that were decided about, of workflows those that began in one of them.
    """
    if plan.kind == "workflow":
        yield from _begun(settings, plan)
        return
    # in a home whose clock follows its events decisions are dated by their time, not the plan's
    since = to_us(parse_iso(plan.started)) if settings.clock == "system" else None
    yield from exposures(open_trail(settings).records(since), plan.id)


def _begun(settings: Settings, plan: Rollout) -> Iterator[Exposure]:
    if not has_workflow(settings):
        return
    for row in entries(open_workflow(settings)):
        if row.assigned is not None and row.assigned.rollout == plan.id:
            yield Exposure(
                lead_id=row.lead_id,
                account_id=row.event.account_id,
                at_us=row.at_us,
                assigned=row.assigned,
            )


def verify_rollout(settings: Settings, kind: VersionKind, name: str | None) -> list[CheckedStep]:
    """Make the certificates again that a rollout's steps rest on, of all rollouts by default.

    From what was known then: the first so many records of the trail and events of the log. Raises
    Missing where no step has one.
    """
    registry = open_registry(settings)
    steps = [
        _checked(settings, registry, entry, plan, certificate)
        for entry in registry.ledger.entries()
        if (plan := entry.rollout) is not None
        and (certificate := _certificate(entry)) is not None
        and plan.kind == kind
        and name in (None, plan.id)
    ]
    if not steps:
        raise Missing(
            f"no step of {name or 'a rollout'} of {kind} rests on a certificate",
            rule="rollout-certificate",
            todo="A step gets one where `leadscore rollout tick` advances or rolls back on a "
            "verdict.",
        )
    return steps


def matured(settings: Settings, manifest: Manifest) -> OutcomeTable:
    """Recorded decisions with what became of them, by a version's outcome and horizon.

    Decisions about visitors whom no identifier named are left out: training saw none.
    """
    learnt = learnt_by(manifest)
    target = Target(outcome=learnt.outcome, horizon_days=learnt.horizon_days)
    return join_decisions(settings, target).table


def join_decisions(
    settings: Settings,
    target: Target,
    known: KnownThen | None = None,
    *,
    until_us: int | None = None,
) -> JoinedDecisions:
    """Decisions with what became of them, as known then; by default, as known now.

    `until_us`: as of an earlier moment, without the decisions made and the outcomes that happened
    after it.
    """
    plane = open_signals(settings)
    events = newest_event(plane.engine) if known is None else known.events
    watermark_us = plane.directory.watermark_us() if known is None else known.watermark_us
    latest = math.inf if until_us is None else until_us
    records = open_trail(settings).records()
    rule = join_rule(target, plane.definition)
    counter = _Counter(records if known is None else islice(records, known.records))
    table = join(
        (r for r in counter if is_identified(r.answer.lead_id) and r.decided_us <= latest),
        read_outcomes(plane.engine, plane.definition, events),
        rule,
        watermark_us=int(min(watermark_us, latest)),
        canonical=lambda lead: plane.directory.resolve(lead).lead_id,
    )
    return JoinedDecisions(table, KnownThen(counter.read, events, watermark_us))


def join_rule(target: Target, definition: FeatureDefinition) -> JoinRule:
    """What counts as the outcome of a decision, by a target and a home's definition."""
    return JoinRule(
        outcome=target.outcome,
        horizon_days=target.horizon_days,
        grace_days=target.waits_days,
        closing=tuple(o.name for o in definition.outcomes if o.closes),
    )


@dataclass(frozen=True, slots=True)
class Skill:
    """The share of leads that convert, and a model's Brier score on them."""

    rate: float
    brier: float

    @property
    def size(self) -> float:
        """By how much the Brier score is lower than that of telling everybody the rate."""
        return self.rate * (1 - self.rate) - self.brier


def tested_skill(manifest: Manifest) -> Skill | None:
    """What a version's own test said; None where it does not say."""
    rows, won = (manifest.counts.get(f"test_{what}", 0) for what in ("rows", "positives"))
    brier = manifest.metrics.get("brier")
    if brier is None or not 0 < won < rows:
        return None
    return Skill(won / rows, brier.value)


def margin_of(champion: Manifest, rule: CanaryRule) -> float | None:
    """How much worse a challenger's Brier score may be, by what the champion's test said."""
    skill = tested_skill(champion)
    return None if skill is None else rule.brier_margin(skill.rate, skill.brier)


def learnt_by(manifest: Manifest) -> Learnt:
    """The outcome that a version learnt, and within which days."""
    return Learnt(outcome=manifest.outcome, horizon_days=manifest.horizon_days)


def labelled(registry: Registry, name: str | None, stage: Stage) -> str:
    """The label of a version by its name, else of the one at a stage. Raises NoModel."""
    if name is not None:
        return registry.get(name).label
    version = registry.at(stage)
    if version is None:
        raise NoModel(
            f"no version is {stage}",
            rule=f"{stage}-known",
            todo=f"`leadscore promote VERSION --stage {stage} --reason TEXT` makes one.",
        )
    return version.label


class _Counter:
    """Records as they go by, counted."""

    def __init__(self, records: Iterable[DecisionRecord]) -> None:
        self._records = records
        self.read = 0

    def __iter__(self) -> Iterator[DecisionRecord]:
        for record in self._records:
            self.read += 1
            yield record


def _certificate(entry: LedgerEntry) -> Certificate | None:
    judged = entry.evidence.judged if entry.evidence is not None else None
    return None if judged is None else judged.certificate


def _checked(
    settings: Settings, registry: Registry, entry: LedgerEntry, plan: Rollout, recorded: Certificate
) -> CheckedStep:
    one, other = (learnt_by(registry.fetch(v)[1]) for v in (plan.champion, plan.challenger))
    target = common(one, other)
    if target is None:
        raise Missing(
            f"{plan.champion} and {plan.challenger} learnt different outcomes",
            rule="rollout-certificate",
        )
    joined = join_decisions(settings, target, KnownThen.of(recorded))
    rows, _ = paired(joined.table, plan.champion, plan.challenger)
    terms = CertificateTerms.of(recorded)
    recomputed = certify(rows.brier_difference, rows, terms, joined.known)
    return CheckedStep(entry=entry, recorded=recorded, recomputed=recomputed)
