"""A recorded decision made again: accounts to arms, features to scores, scores to decisions."""

import math
from collections.abc import Iterator

import numpy as np

from config.settings import Settings
from decisions.audit.replay import differences, shadow_differences
from domain.bucketing import bucket
from domain.decisions import DecisionRecord
from domain.definition import FeatureDefinition
from domain.errors import LeadscoreError, Missing
from feature_repo.catalogue import category_names, number_names
from registry.cache import OpenedVersion
from registry.rollout_state import arm_at
from scoring.model.reasons import Reasoner
from scoring.model.scorer import Scored, Scorer
from scoring.profile_only_version import of_fallback, version_of
from wiring.decisions import open_trail
from wiring.overrides import open_overrides
from wiring.policies import policy_of_record
from wiring.registry import open_registry

CLOSE = 1e-9


def replay(settings: Settings, decision_id: str) -> list[str]:
    """The differences of a replay from its record, a sentence each; empty where there are none.

    What was recorded unseen is replayed too: other versions' scores, other policies' decisions.
    """
    record = open_trail(settings).get(decision_id)
    policy = policy_of_record(settings, record.answer.versions.policy)
    return [
        *_assigned(record),
        *_overridden(settings, record),
        *_scored(settings, record),
        *differences(record, policy),
        *_unheard(settings, record),
    ]


def _assigned(record: DecisionRecord) -> Iterator[str]:
    """Assign the account again, under the shares that the record holds."""
    account = record.account_id or record.answer.lead_id
    for one in record.assigned:
        now = arm_at(bucket(account, one.rollout), one.mode, one.weight, one.holdout)
        if now != one.arm:
            yield f"arm in {one.rollout} was {one.arm!r}, is {now!r}"


def _overridden(settings: Settings, record: DecisionRecord) -> Iterator[str]:
    """Whether the journal of overrides has the one that made the decision, in force then."""
    one = record.override
    if one is None:
        return
    try:
        entry = open_overrides(settings).entry(one.number)
    except Missing:
        yield f"override {one.number} is not in the journal"
        return
    subject = record.answer.lead_id if one.of == "lead" else record.account_id
    if (entry.of, entry.change, entry.reason) != (one.of, one.change, one.reason):
        yield f"override {one.number} says otherwise in the journal"
    if one.of == "account" and subject not in entry.subjects:
        yield f"override {one.number} is of another account"
    if not entry.from_us <= record.as_of_us < entry.until_us:
        yield f"override {one.number} was not in force then"


def _scored(settings: Settings, record: DecisionRecord) -> list[str]:
    """Score the recorded features again with the recorded version."""
    label = record.answer.versions.model
    try:
        scorer, scored, definition = _again(settings, label, record)
    except LeadscoreError as missing:
        return [f"version {label} cannot be opened: {missing}"]
    again = float(scored.scores[0])
    replayed = []
    if abs(again - record.answer.score) > CLOSE:
        replayed.append(f"score was {record.answer.score!r}, is {again!r}")
    reasons = Reasoner(definition, scorer.features).reasons(
        scorer.explain(scored.leaves)[0], _values(definition, record)
    )
    was = [(r.feature, round(r.contribution, 9)) for r in record.answer.reasons]
    now = [(r.feature, round(r.contribution, 9)) for r in reasons]
    if was != now:
        replayed.append(f"reasons were {was}, are {now}")
    return replayed


def _unheard(settings: Settings, record: DecisionRecord) -> Iterator[str]:
    for label, was in record.shadow.items():
        try:
            again = float(_again(settings, label, record)[1].scores[0])
        except LeadscoreError as missing:
            yield f"version {label} cannot be opened: {missing}"
            continue
        if abs(again - was) > CLOSE:
            yield f"score of {label} was {was!r}, is {again!r}"
    for label in record.shadow_decisions:
        yield from shadow_differences(record, policy_of_record(settings, label))


def _again(
    settings: Settings, label: str, record: DecisionRecord
) -> tuple[Scorer, Scored, FeatureDefinition]:
    folder, manifest = open_registry(settings).fetch(version_of(label))
    opened = OpenedVersion(version_of(label), folder, manifest)
    if label != opened.label:
        opened = of_fallback(opened) or opened
    scorer = Scorer(label, opened.folder, opened.manifest, manifest.definition)
    numbers = np.array([[math.nan if v is None else v for v in record.features]])
    return scorer, scorer.score(numbers, [list(record.texts)]), manifest.definition


def _values(definition: FeatureDefinition, record: DecisionRecord) -> dict[str, float | str]:
    numbers = [math.nan if v is None else v for v in record.features]
    named: dict[str, float | str] = dict(zip(number_names(definition), numbers, strict=True))
    named.update(zip(category_names(definition), record.texts, strict=True))
    return named
