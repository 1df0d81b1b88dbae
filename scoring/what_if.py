"""The same lead with other features: its new score, reasons and decision, none of it recorded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from domain.clock import iso, to_us
from domain.definition import FeatureDefinition
from domain.errors import BadInput, Unavailable
from domain.ports import PROFILE_ONLY, LeadRef, Policy
from domain.scores import VersionSet
from domain.what_if import MOST_CHANGES, Change, FeatureValue, HypotheticalScore, WhatIf
from feature_repo.catalogue import category_names, number_names
from scoring.answer import Ports
from scoring.assignment import Plans, assign_all
from scoring.feature_rows import rows_of
from scoring.live_models import Loaded
from scoring.model.reasons import CATALOGUE
from scoring.policy_facts import facts_of, known
from scoring.routing import answering

FeatureValues = dict[str, float | str]
FeatureChanges = Mapping[str, FeatureValue]


@dataclass(frozen=True, slots=True)
class _Asker:
    """One lead, by the version and the policy that answer for it now."""

    loaded: Loaded
    policy: Policy
    names: tuple[tuple[str, ...], tuple[str, ...]]
    outcome: str
    account_known: bool

    def scored(self, values: FeatureValues) -> HypotheticalScore:
        row = np.array([[values[name] for name in self.names[0]]], dtype=np.float64)
        texts = [[str(values[name]) for name in self.names[1]]]
        scored = self.loaded.scorer.score(row, texts)
        facts = facts_of(
            self.policy,
            self.policy.looks_at,
            values,
            self.outcome,
            float(scored.scores[0]),
            float(scored.percentiles[0]),
            account_known=self.account_known,
        )
        contributions = self.loaded.scorer.explain(scored.leaves)[0]
        return HypotheticalScore(
            score=facts.score,
            percentile=facts.percentile,
            grade=facts.grade,
            reasons=self.loaded.reasoner.reasons(contributions, values),
            decision=self.policy.decide(facts),
        )


STALE = "the online store does not answer: these are the lead's last known features"
"""The note of an answer that is less than it should be."""


class WhatIfs:
    """Answers what-if questions over the ports of scoring. Safe to use from many threads."""

    def __init__(self, definition: FeatureDefinition, ports: Ports) -> None:
        self._definition = definition
        self._ports = ports
        self._names = (number_names(definition), category_names(definition))

    def ask(self, lead: LeadRef, changes: FeatureChanges) -> WhatIf:
        """The lead as it is, and with `changes` of its features, by name; None is missing.

        The version is that of the lead's arm. Raises BadInput for an unknown feature or a value of
        the wrong kind; NoModel, Unavailable.
        """
        changes_checked = self._checked(changes)
        live, policies = self._ports.versions.current(), self._ports.policy()
        plans = Plans(live.rollout, policies.rollout, policies.holdout)
        assigned = assign_all(lead.account_id or lead.lead_id, plans)
        challenger = live.challenger if assigned.version == "challenger" else None
        loaded, policy = challenger or live.champion, answering(policies, assigned)
        before, outcome, known_us, stale = self._values(lead)
        after = before | changes_checked
        asker = _Asker(loaded, policy, self._names, outcome, bool(lead.account_id))
        return WhatIf(
            lead_id=lead.lead_id,
            changes=tuple(
                Change(feature=n, was=known(before[n]), now=known(after[n]))
                for n in changes_checked
            ),
            before=asker.scored(before),
            after=asker.scored(after),
            notes=(*[STALE] * stale, *_notes(loaded, changes_checked)),
            versions=VersionSet(
                model=loaded.scorer.label,
                feature_service=self._definition.label,
                policy=policy.label,
                catalogue=CATALOGUE,
            ),
            arm=assigned.arm,
            features_as_of=iso(known_us),
        )

    def _values(self, lead: LeadRef) -> tuple[FeatureValues, str, int, bool]:
        """A lead's features by name, the outcome that closed it, when they became known.

        Last, whether they are only the last known ones.
        """
        states = self._ports.states.read([lead])
        if PROFILE_ONLY in states.degraded:
            raise Unavailable(
                "the online store does not answer", rule="online-store", todo="Try again."
            )
        rows = rows_of(self._definition, [lead], states, to_us(self._ports.clock.now()))
        values: FeatureValues = dict(zip(self._names[0], rows.numbers[0].tolist(), strict=True))
        values.update(zip(self._names[1], rows.texts[0], strict=True))
        return values, states.texts[0][-1], states.known_us[0], any(states.degraded)

    def _checked(self, changes: FeatureChanges) -> FeatureValues:
        if not 1 <= len(changes) <= MOST_CHANGES:
            raise BadInput(
                f"{len(changes)} features are changed, must be 1 to {MOST_CHANGES}",
                rule="what-if-changes",
            )
        both = (*self._names[0], *self._names[1])
        if unknown := [name for name in changes if name not in both]:
            raise _unknown(unknown[0], both)
        return {name: self._value(name, value) for name, value in changes.items()}

    def _value(self, name: str, value: FeatureValue) -> float | str:
        if name in self._names[1]:
            if value is None or isinstance(value, str):
                return value or ""
            raise BadInput(f"{name} is a text", rule="what-if-value", todo="Put it in quotes.")
        if value is None:
            return math.nan
        if isinstance(value, str) or not math.isfinite(value):
            raise BadInput(f"{name} is a number", rule="what-if-value", todo="Give a number.")
        return float(value)


def _unknown(name: str, names: tuple[str, ...]) -> BadInput:
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return BadInput(
        "no feature has that name" + (f"; close ones are {', '.join(close)}" if close else ""),
        rule="feature-known",
        todo="`leadscore features show KEY` lists a lead's features.",
    )


def _notes(loaded: Loaded, changes: FeatureValues) -> list[str]:
    """What makes the answer doubtful: values that training did not see, features not taken."""
    label, features = loaded.scorer.label, set(loaded.scorer.features)
    notes = [
        f"{name} is not a feature that {label} takes: its score does not depend on it"
        for name in changes
        if name not in features
    ]
    for name, value in changes.items():
        why = loaded.inputs.unlike_training(name, value)
        if why:
            notes.append(f"{name}: {why} when {label} was trained; its score is a guess there")
    return notes


def read_changes(texts: list[str], definition: FeatureDefinition) -> FeatureChanges:
    """Changes from texts NAME=VALUE, as typed; an empty value is a missing one.

    Raises BadInput where a text is none.
    """
    count, changes_read = set(number_names(definition)), dict[str, FeatureValue]()
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput("not NAME=VALUE", rule="what-if-changes", where="--what-if")
        changes_read[name] = _number(name, value) if value and name in count else value or None
    return changes_read


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise BadInput(
            f"{name} is a number", rule="what-if-value", where="--what-if", todo="Give a number."
        ) from None
