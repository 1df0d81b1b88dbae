"""The features of a definition by name, without what computes them: nothing heavy is imported."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from domain.definition import FeatureDefinition

Kind = Literal["number", "category"]
STEPS = 2
"""How many of the last events are category features."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A named feature. `group` is what it is about: features of one group speak as one reason."""

    name: str
    kind: Kind
    unit: str
    group: str
    text: str


@lru_cache(maxsize=16)
def catalogue(definition: FeatureDefinition) -> tuple[Feature, ...]:
    """The features of a definition, numbers first, in the order that `numbers` computes them."""
    d = definition
    features = [*_of_families(d), *_compared(d)]
    features += [Feature(n, "number", u, g, t) for n, u, g, t in _LEAD]
    if d.accounts:
        features += [Feature(n, "number", u, "account", t) for n, u, t in _ACCOUNT]
        features += [
            Feature(f"account_{f.name}_rate", "number", "events", "account", f.text or f.name)
            for f in d.families
        ]
    features += [Feature(a.name, "number", "", a.name, a.text or a.name) for a in d.numbers]
    features += [
        Feature(f"last_event_{k + 1}", "category", "", "sequence", "latest event")
        for k in range(STEPS)
    ]
    features.append(Feature("last_transition", "category", "", "sequence", "latest two events"))
    features += [Feature(a.name, "category", "", a.name, a.text or a.name) for a in d.texts]
    return tuple(features)


def number_names(definition: FeatureDefinition) -> tuple[str, ...]:
    """The names of the columns that `numbers` computes."""
    return tuple(f.name for f in catalogue(definition) if f.kind == "number")


def category_names(definition: FeatureDefinition) -> tuple[str, ...]:
    """The names of the columns that `categories` gives."""
    return tuple(f.name for f in catalogue(definition) if f.kind == "category")


def _of_families(d: FeatureDefinition) -> list[Feature]:
    kinds = [(*suffix, d.families) for suffix in _family_suffixes(d)]
    kinds.append(("total", "sum", tuple(f for f in d.families if f.value)))
    kinds.append(("distinct", "values", d.sets))
    return [
        Feature(f"{f.name}_{suffix}", "number", unit, f.name, f.text or f.name)
        for suffix, unit, families in kinds
        for f in families
    ]


def _compared(d: FeatureDefinition) -> list[Feature]:
    """What compares families. It speaks as the family that it says most about."""
    ratios = [Feature(r.name, "number", "ratio", r.of, r.text or r.name) for r in d.ratios]
    backlogs = [Feature(b.name, "number", "events", b.opened, b.text or b.name) for b in d.backlogs]
    transitions = [
        Feature(f"{t.name}_recency_d", "number", "days", "sequence", t.text or t.name)
        for t in d.transitions
    ]
    return [*ratios, *backlogs, *transitions]


def _family_suffixes(d: FeatureDefinition) -> list[tuple[str, str]]:
    rates = [(f"rate_{life:g}d", "events") for life in d.half_lives_days]
    return [("count", "events"), ("recency_d", "days"), *rates, ("velocity", "log ratio")]


_LEAD = (
    ("events", "events", "activity", "events in all"),
    ("tenure_d", "days", "activity", "days since first seen"),
    ("recency_d", "days", "activity", "days since last seen"),
    ("intensity", "events", "activity", "events of late"),
    ("channels_30d", "channels", "breadth", "channels used in 30 days"),
    ("active_days_7", "days", "activity", "active days of the last 7"),
    ("active_days_28", "days", "activity", "active days of the last 28"),
    ("last_gap_d", "days", "sequence", "days between the last two events"),
    ("mean_gap_d", "days", "sequence", "mean days between the last five events"),
)
_ACCOUNT = (
    ("account_people", "people", "people known at the account"),
    ("account_active_7d", "people", "people active at the account in 7 days"),
    ("account_active_30d", "people", "people active at the account in 30 days"),
    ("account_recency_d", "days", "days since anyone at the account was seen"),
    ("account_events", "events", "events of all people at the account"),
    ("account_best_rate", "events", "events of late of the most active person at the account"),
)
