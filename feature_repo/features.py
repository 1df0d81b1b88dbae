"""Named features: one pure function of state and moment, used online, offline and in replay.

`features(state, as_of)` reads what `domain.state` keeps, so what training saw at a moment is what
serving would have said then. Missing is NaN; categories are text, "" where missing.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.state import (
    ACTIVE_DAYS,
    COUNT,
    DAY,
    DAY_BITS,
    FAMILIES,
    FAMILY_COUNT,
    FAMILY_DECAYED,
    FAMILY_LAST,
    FAMILY_SUM,
    FIRST,
    LAST,
    PEOPLE,
    SECONDS_PER_DAY,
    SEQUENCE,
    SEQUENCE_LENGTH,
    Matrix,
    Vector,
    half_lives_of,
    layout_of,
)

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
    found = [
        Feature(f"{f.name}_{suffix}", "number", unit, f.name, f.text or f.name)
        for suffix, unit in _family_suffixes(d)
        for f in d.families
    ]
    found += [
        Feature(f"{f.name}_total", "number", "sum", f.name, f.text or f.name)
        for f in d.families
        if f.value
    ]
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
    found += [Feature(a.name, "category", "", a.name, a.text or a.name) for a in d.texts]
    return tuple(found)


def number_names(definition: FeatureDefinition) -> tuple[str, ...]:
    """The names of the columns that `numbers` computes."""
    return tuple(f.name for f in catalogue(definition) if f.kind == "number")


def category_names(definition: FeatureDefinition) -> tuple[str, ...]:
    """The names of the columns that `categories` gives."""
    return tuple(f.name for f in catalogue(definition) if f.kind == "category")


def _family_suffixes(d: FeatureDefinition) -> list[tuple[str, str]]:
    rates = [(f"rate_{life:g}d", "events") for life in d.half_lives_days]
    return [("count", "events"), ("recency_d", "days"), *rates, ("velocity", "log ratio")]


_LEAD = (
    ("events", "events", "activity", "events in all"),
    ("tenure_d", "days", "activity", "days since first seen"),
    ("recency_d", "days", "activity", "days since last seen"),
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
)


def numbers(
    definition: FeatureDefinition, leads: Matrix, accounts: Matrix, as_of: Vector
) -> Matrix:
    """The number features [n, features] of states [n, width] at moments [n], in seconds.

    `accounts` [n, account width] may have no columns where the definition keeps no accounts.
    An event later than the moment counts as of the moment.
    """
    layout = layout_of(definition)
    blocks = _blocks(definition, leads)
    age = np.maximum(as_of[:, None] - blocks[:, :, FAMILY_LAST], 0.0)
    seen = blocks[:, :, FAMILY_COUNT] > 0
    lives = half_lives_of(definition)
    rates = blocks[:, :, FAMILY_DECAYED:] * np.exp2(-age[:, :, None] / lives)
    recency = np.where(seen, age / SECONDS_PER_DAY, np.nan)
    parts = [blocks[:, :, FAMILY_COUNT], recency]
    parts += [rates[:, :, h] for h in range(layout.half_lives)]
    parts.append(_velocity(rates, definition.half_lives_days))
    valued = [i for i, f in enumerate(definition.families) if f.value]
    parts.append(blocks[:, valued, FAMILY_SUM])
    parts.append(_lead_features(definition, leads, as_of, recency))
    if definition.accounts:
        parts.append(_account_features(definition, accounts, as_of))
    held = leads[:, layout.numbers_at :].reshape(len(leads), layout.numbers, 3)
    parts.append(np.where(held[:, :, 0] > 0, held[:, :, 2], np.nan))
    return np.concatenate(parts, axis=1)


def categories(
    definition: FeatureDefinition, leads: Matrix, texts: list[list[str]]
) -> list[list[str]]:
    """The category features, n rows, of states [n, width] and their text attributes."""
    names = ["", *(f.name for f in definition.families)]
    steps = leads[:, SEQUENCE + 2 : SEQUENCE + 3 * STEPS : 3].astype(np.int64)
    kept = len(definition.texts)
    return [
        [names[s] for s in step] + row[:kept]
        for step, row in zip(steps.tolist(), texts, strict=True)
    ]


def _blocks(definition: FeatureDefinition, states: Matrix) -> NDArray[np.float64]:
    layout = layout_of(definition)
    held = states[:, FAMILIES : layout.numbers_at]
    return held.reshape(len(states), layout.families, layout.family_width)


def _velocity(rates: NDArray[np.float64], lives: tuple[float, ...]) -> Matrix:
    """The log of the intensity over the shortest half-life against that over the longest.

    A decayed count over half-life h of a steady rate r is r·h/ln 2; dividing by h compares rates.
    One event a year is added to both, so that silence is no speed.
    """
    floor = 1.0 / 365.0
    shortest = rates[:, :, 0] / lives[0] + floor
    longest = rates[:, :, -1] / lives[-1] + floor
    speed: Matrix = np.log(shortest / longest)
    return speed


def _lead_features(
    definition: FeatureDefinition, leads: Matrix, as_of: Vector, recency: Matrix
) -> Matrix:
    known = leads[:, COUNT] > 0
    tenure = np.where(known, np.maximum(as_of - leads[:, FIRST], 0), np.nan)
    since = np.where(known, np.maximum(as_of - leads[:, LAST], 0), np.nan)
    return np.column_stack(
        [
            leads[:, COUNT],
            tenure / SECONDS_PER_DAY,
            since / SECONDS_PER_DAY,
            _channels(definition, recency),
            _active_days(leads, as_of, 7),
            _active_days(leads, as_of, 28),
            *_gaps(leads),
        ]
    )


def _channels(definition: FeatureDefinition, recency: Matrix) -> Vector:
    lately = recency <= 30.0
    members = [
        [i for i, f in enumerate(definition.families) if f.channel == channel]
        for channel in definition.channels
    ]
    counted = [lately[:, columns].any(axis=1) for columns in members]
    return np.sum(counted, axis=0, dtype=np.float64) if counted else np.zeros(len(recency))


def _active_days(states: Matrix, as_of: Vector, window: int) -> Vector:
    """Active days among the last `window` days, the day of the moment included."""
    today = np.floor(as_of / SECONDS_PER_DAY)
    age = np.clip(today - states[:, DAY], 0, ACTIVE_DAYS).astype(np.int64)
    room = np.maximum(window - age, 0)
    mask = (np.int64(1) << room) - 1
    bits = states[:, DAY_BITS].astype(np.int64) & mask
    days: Vector = np.bitwise_count(bits).astype(np.float64)
    return days


def _gaps(states: Matrix) -> tuple[Vector, Vector]:
    times = states[:, SEQUENCE : SEQUENCE + 3 * SEQUENCE_LENGTH : 3]
    held = (times > 0).sum(axis=1)
    oldest = times[np.arange(len(times)), np.maximum(held - 1, 0)]
    several = held > 1
    last = np.where(several, times[:, 0] - times[:, 1], np.nan)
    mean = np.where(several, (times[:, 0] - oldest) / np.maximum(held - 1, 1), np.nan)
    return last / SECONDS_PER_DAY, mean / SECONDS_PER_DAY


def _account_features(definition: FeatureDefinition, accounts: Matrix, as_of: Vector) -> Matrix:
    layout = layout_of(definition)
    known = accounts[:, COUNT] > 0
    people = accounts[:, layout.width + 1 : layout.width + 1 + PEOPLE]
    days = np.where(people > 0, np.floor(as_of)[:, None] - people, np.inf) / SECONDS_PER_DAY
    since = np.where(known, np.maximum(as_of - accounts[:, LAST], 0), np.nan)
    blocks = _blocks(definition, accounts)
    age = np.maximum(as_of[:, None] - blocks[:, :, FAMILY_LAST], 0.0)
    middle = layout.half_lives // 2
    life = half_lives_of(definition)[middle]
    rates = blocks[:, :, FAMILY_DECAYED + middle] * np.exp2(-age / life)
    whole = [
        accounts[:, layout.width],
        (days <= 7).sum(axis=1),
        (days <= 30).sum(axis=1),
        since / SECONDS_PER_DAY,
        accounts[:, COUNT],
    ]
    return np.concatenate([np.column_stack(whole), rates], axis=1)
