"""A recorded decision made again: features to score, score to decision."""

import math

import numpy as np

from decisions.replay import differences
from domain.decisions import DecisionRecord
from domain.definition import FeatureDefinition
from domain.errors import LeadscoreError
from feature_repo.features import category_names, number_names
from scoring.reasons import Reasoner
from scoring.scorer import Scorer
from wiring.decisions import open_trail
from wiring.policies import policy_of_record
from wiring.registry import open_registry
from wiring.settings import Settings

CLOSE = 1e-9


def replay(settings: Settings, decision_id: str) -> list[str]:
    """How a replay differs from its record, a sentence each; empty where it does not."""
    record = open_trail(settings).get(decision_id)
    policy = policy_of_record(settings, record.answer.versions.policy)
    return [*_scored(settings, record), *differences(record, policy)]


def _scored(settings: Settings, record: DecisionRecord) -> list[str]:
    """Score the recorded features again with the recorded version."""
    label = record.answer.versions.model
    try:
        folder, manifest = open_registry(settings).fetch(label)
    except LeadscoreError as gone:
        return [f"version {label} cannot be opened: {gone}"]
    scorer = Scorer(label, folder, manifest, manifest.definition)
    numbers = np.array([[math.nan if v is None else v for v in record.features]])
    scored = scorer.score(numbers, [list(record.texts)])
    again = float(scored.scores[0])
    found = []
    if abs(again - record.answer.score) > CLOSE:
        found.append(f"score was {record.answer.score!r}, is {again!r}")
    reasons = Reasoner(manifest.definition, scorer.features).reasons(
        scorer.explain(scored.leaves)[0], _values(manifest.definition, record)
    )
    was = [(r.feature, round(r.contribution, 9)) for r in record.answer.reasons]
    now = [(r.feature, round(r.contribution, 9)) for r in reasons]
    if was != now:
        found.append(f"reasons were {was}, are {now}")
    return found


def _values(definition: FeatureDefinition, record: DecisionRecord) -> dict[str, float | str]:
    numbers = [math.nan if v is None else v for v in record.features]
    named: dict[str, float | str] = dict(zip(number_names(definition), numbers, strict=True))
    named.update(zip(category_names(definition), record.texts, strict=True))
    return named
