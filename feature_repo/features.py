"""Named features: one pure function of state and moment, used online, offline and in replay.

`features(state, as_of)` reads what `domain.state` keeps, so what training saw at a moment is what
serving would have said then. Missing is NaN; categories are text, "" where missing.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.state import SEQUENCE, Matrix, Vector, layout_of
from feature_repo.number_kernel import fill
from feature_repo.number_plan import columns_of, plan_of

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
    found = [*_of_families(d), *_compared(d)]
    found += [Feature(n, "number", u, g, t) for n, u, g, t in _LEAD]
    if d.accounts:
        found += [Feature(n, "number", u, "account", t) for n, u, t in _ACCOUNT]
        found += [
            Feature(f"account_{f.name}_rate", "number", "events", "account", f.text or f.name)
            for f in d.families
        ]
    found += [Feature(a.name, "number", "", a.name, a.text or a.name) for a in d.numbers]
    found += [
        Feature(f"last_event_{k + 1}", "category", "", "sequence", "latest event")
        for k in range(STEPS)
    ]
    found.append(Feature("last_transition", "category", "", "sequence", "latest two events"))
    found += [Feature(a.name, "category", "", a.name, a.text or a.name) for a in d.texts]
    return tuple(found)


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


def numbers(
    definition: FeatureDefinition, leads: Matrix, accounts: Matrix, as_of: Vector
) -> Matrix:
    """The number features [n, features] of states [n, width] at moments [n], in seconds.

    `accounts` [n, account width] may have no columns where the definition keeps no accounts.
    An event later than the moment counts as of the moment. Raises BadInput for other shapes.
    """
    plan, columns = plan_of(definition), columns_of(definition)
    rows, wide = len(as_of), plan.account_width or accounts.shape[1]
    if leads.shape != (rows, plan.width) or accounts.shape != (rows, wide):
        raise BadInput(
            f"states {leads.shape} or accounts {accounts.shape} are not those of {rows} moments",
            rule="state-width",
            where=definition.label,
            todo="Run `leadscore features rebuild`: states of another definition are of no use.",
        )
    out = np.empty((rows, columns.width))
    leads, accounts, as_of = map(np.ascontiguousarray, (leads, accounts, as_of))
    fill(plan, columns, leads, accounts, as_of, out)
    return out


def compile_numbers(definition: FeatureDefinition) -> None:
    """Compile what `numbers` runs, or read it from the compiler's cache: in no request."""
    layout = layout_of(definition)
    none = np.zeros((0, layout.width)), np.zeros((0, layout.account_width)), np.zeros(0)
    numbers(definition, *none)


def categories(
    definition: FeatureDefinition, leads: Matrix, texts: list[list[str]]
) -> list[list[str]]:
    """The category features, n rows, of states [n, width] and their text attributes.

    The last two steps, newest first; both as "from>to"; the texts.
    """
    names = ["", *(f.name for f in definition.families)]
    steps = leads[:, SEQUENCE + 2 : SEQUENCE + 3 * STEPS : 3].astype(np.int64)
    kept = len(definition.texts)
    return [
        [*(said := [names[s] for s in step]), ">".join(said[::-1]) if step[-1] else "", *row[:kept]]
        for step, row in zip(steps.tolist(), texts, strict=True)
    ]
