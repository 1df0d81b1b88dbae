"""Recorded decisions made again under two policies, one after the other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from decisions.backtest.propensities import (
    Chances,
    PolicyByLabel,
    chances,
    drawn_chances,
    plans_of,
)
from decisions.backtest.remembered_policy import RememberedPolicy
from decisions.backtest.routed_record import FeaturedRecord, RoutedRecord, routing_of
from decisions.overrides.past import PastOverride, PastOverrides
from domain.decisions import AppliedOverride, Facts, overridden
from domain.scores import Decision

NO_OVERRIDES = PastOverrides()
FeatureNames = Mapping[str, tuple[Sequence[str], Sequence[str]]]
"""The names of numbers and texts in a record's features, by the label of its feature service."""


class DrawnWith(NamedTuple):
    """With which chance the recorded routing came about, and how likely `was` and `now` were.

    0 of one that was never drawn for such a lead.
    """

    routed: float
    was: float
    now: float


class ReroutedDecision(NamedTuple):
    """A record, and what both policies decide on its facts; an override is kept in both.

    `all_draws` are the chances before any draw, `own_draw` those within a holdout; None where the
    record does not tell. `plans` counts the rollouts of policies it was in.
    """

    record: RoutedRecord
    facts: Facts
    was: Decision
    now: Decision
    was_grade: str
    now_grade: str
    all_draws: DrawnWith | None
    own_draw: DrawnWith | None
    plans: int


class Replayer:
    """Makes records' decisions again; `was` None stands for what was decided, draws apart.

    `policies` gives those that records name. Facts that a policy looks at, and the one that
    answered did not, are read from the record's features by `names`. An override that had no say,
    because the policy of that time found the lead not eligible, is one of `past`.
    """

    def __init__(
        self,
        was: RememberedPolicy | None,
        now: RememberedPolicy,
        policies: PolicyByLabel,
        names: FeatureNames,
        past: PastOverrides = NO_OVERRIDES,
    ) -> None:
        self._past = past
        self._was, self._now = was, now
        self._policies, self._names = policies, names
        sides = [one.looks_at for one in (was, now) if one is not None]
        self._profile, self._features = (
            frozenset(n for side in sides for n in side[at]) for at in (0, 1)
        )
        self.overridden = 0
        """Records of leads whom an override was about."""
        self.filled = 0
        """Records that lacked a fact, which was read from their features."""

    def replay(self, record: FeaturedRecord) -> ReroutedDecision:
        """One record's decision, made again. Raises BadConfiguration where a policy cannot."""
        facts = self._complete(record)
        if self._was is None:
            was, was_grade = record.own, record.answer.grade
        else:
            was_grade = self._was.grade(facts.score)
            was = self._was.decide(msgspec.structs.replace(facts, grade=was_grade))
        now_grade = self._now.grade(facts.score)
        now = self._now.decide(msgspec.structs.replace(facts, grade=now_grade))
        keep = self._keep(record)
        self.overridden += keep is not None and (was.eligible or now.eligible)
        was, now = (_kept(one, keep) for one in (was, now))
        return ReroutedDecision(
            record=record,
            facts=facts,
            was=was,
            now=now,
            was_grade=was_grade,
            now_grade=now_grade,
            all_draws=_drawn_with(chances(record, self._policies), record, was, now),
            own_draw=_drawn_with(drawn_chances(record, self._policies), record, was, now),
            plans=len(plans_of(record)),
        )

    def _keep(self, record: FeaturedRecord) -> AppliedOverride | PastOverride | None:
        """The override that is recorded with a decision, or that had no say in it."""
        if record.override is not None or record.own.eligible:
            return record.override
        return self._past.of(record.answer.lead_id, record.account_id, record.as_of_us)

    def _complete(self, record: FeaturedRecord) -> Facts:
        facts = record.facts
        if facts.profile.keys() >= self._profile and facts.features.keys() >= self._features:
            return facts
        self.filled += 1
        numbers, texts = self._names.get(record.answer.versions.feature_service, ((), ()))
        values: dict[str, float | str | None] = dict(zip(numbers, record.numbers, strict=False))
        values.update((n, text or None) for n, text in zip(texts, record.categories, strict=False))
        return msgspec.structs.replace(
            facts,
            profile={n: values.get(n) for n in self._profile} | facts.profile,
            features={n: values.get(n) for n in self._features} | facts.features,
        )


def _kept(decision: Decision, keep: AppliedOverride | PastOverride | None) -> Decision:
    """A decision under an override, where it has a say."""
    if keep is None:
        return decision
    return overridden(decision, keep.number, keep.change, keep.reason) or decision


def _drawn_with(
    odds: Chances | None, record: RoutedRecord, was: Decision, now: Decision
) -> DrawnWith | None:
    if odds is None:
        return None
    routed = odds.get(routing_of(record.answer.decision), 0.0)
    if routed <= 0:
        return None
    return DrawnWith(routed, odds.get(routing_of(was), 0.0), odds.get(routing_of(now), 0.0))
