"""The number features of `feature_repo.features`, the slow and obvious way: whole columns in numpy.

What the compiled kernel is held against.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.state import (
    ACTIVE_DAYS,
    CELL,
    COUNT,
    DAY,
    DAY_BITS,
    FAMILIES,
    FAMILY_COUNT,
    FAMILY_DECAYED,
    FAMILY_LAST,
    FAMILY_SUM,
    FIRST,
    INTENSITY,
    LARGEST_SET,
    LAST,
    PEOPLE,
    SECONDS_PER_DAY,
    SEQUENCE,
    SEQUENCE_LENGTH,
    SET_BITS,
    Index,
    Layout,
    Matrix,
    Vector,
    half_lives_of,
    layout_of,
)

_WINDOWS = np.array([7, 28])


def numbers(
    definition: FeatureDefinition, leads: Matrix, accounts: Matrix, as_of: Vector
) -> Matrix:
    """The number features [n, features] of states [n, width] at moments [n], in seconds.

    `accounts` [n, account width] may have no columns where the definition keeps no accounts.
    An event later than the moment counts as of the moment.
    """
    plan, layout = _plan(definition), layout_of(definition)
    families, age = _aged(plan, leads[:, FAMILIES : layout.numbers_at], as_of)
    counts, rates = families[:, :, FAMILY_COUNT], families[:, :, FAMILY_DECAYED:]
    recency = np.where(counts > 0, age / SECONDS_PER_DAY, np.nan)
    parts = [counts, recency]
    parts += [rates[:, :, h] for h in range(layout.half_lives)]
    parts.append(_velocity(rates, definition.half_lives_days))
    parts.append(families[:, plan.valued, FAMILY_SUM])
    parts += [_distinct(layout, leads), *_comparisons(plan, families)]
    if definition.transitions:
        parts.append(_transitions(plan, leads, as_of))
    parts += _lead_features(plan, leads, as_of, recency)
    if definition.accounts:
        parts += _account_features(plan, layout, accounts, as_of)
    held = leads[:, layout.numbers_at : layout.sets_at].reshape(len(leads), layout.numbers, CELL)
    parts.append(np.where(held[:, :, 0] > 0, held[:, :, 2], np.nan))
    return np.concatenate(parts, axis=1)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A definition as arrays, made once: F families, H half-lives, C channels.

    `ratios` holds (family, slot) indices above and below, `smoothing` what is added to both.
    """

    lives: Vector
    block: tuple[int, int]
    valued: list[int]
    channels: Matrix
    ratios: tuple[Index, Index, Index]
    smoothing: tuple[Vector, Vector]
    backlogs: tuple[Index, Index]
    transitions: tuple[Index, Index]

    @property
    def middle(self) -> int:
        """The half-life of accounts and of intensity."""
        return len(self.lives) // 2


@lru_cache(maxsize=16)
def _plan(d: FeatureDefinition) -> _Plan:
    at = {f.name: i for i, f in enumerate(d.families)}

    def indices(names: list[str]) -> Index:
        return np.array([at[name] for name in names], dtype=np.int64)

    lives = d.half_lives_days
    used = [lives[-1] if r.half_life_days is None else r.half_life_days for r in d.ratios]
    slots = [FAMILY_DECAYED + lives.index(u) if u else FAMILY_COUNT for u in used]
    layout = layout_of(d)
    return _Plan(
        lives=half_lives_of(d),
        block=(layout.families, layout.family_width),
        valued=[i for i, f in enumerate(d.families) if f.value],
        channels=np.array([[f.channel == c for c in d.channels] for f in d.families], float),
        ratios=(
            indices([r.of for r in d.ratios]),
            indices([r.over for r in d.ratios]),
            np.array(slots, dtype=np.int64),
        ),
        smoothing=(
            np.array([r.prior * r.weight for r in d.ratios]),
            np.array([r.weight for r in d.ratios]),
        ),
        backlogs=(
            indices([b.opened for b in d.backlogs]),
            indices([b.closed for b in d.backlogs]),
        ),
        transitions=(
            indices([t.begins for t in d.transitions]),
            indices([t.ends for t in d.transitions]),
        ),
    )


def _aged(plan: _Plan, blocks: Matrix, as_of: Vector) -> tuple[NDArray[np.float64], Matrix]:
    """Families [n, F, slots] with their counts decayed to the moment, and their ages [n, F]."""
    held = blocks.reshape(len(blocks), *plan.block).copy()
    age: Matrix = np.maximum(as_of[:, None] - held[:, :, FAMILY_LAST], 0.0)
    held[:, :, FAMILY_DECAYED:] *= np.exp2(-age[:, :, None] / plan.lives)
    return held, age


_SIZES = np.array(
    [0.0, *(SET_BITS * np.log(SET_BITS / (SET_BITS - k)) for k in range(1, SET_BITS)), LARGEST_SET]
)
"""How many distinct values a set of so many bits was likely made of."""


def _distinct(layout: Layout, leads: Matrix) -> Matrix:
    cells = leads[:, layout.sets_at : layout.width].reshape(len(leads), layout.sets, CELL)
    bits = np.bitwise_count(cells[:, :, 1:].astype(np.int64)).sum(axis=2)
    sizes: Matrix = _SIZES[bits]
    return sizes


def _comparisons(plan: _Plan, families: NDArray[np.float64]) -> tuple[Matrix, Matrix]:
    above, below, slots = plan.ratios
    prior, weight = plan.smoothing
    ratios = (families[:, above, slots] + prior) / (families[:, below, slots] + weight)
    opened, closed = plan.backlogs
    counts = families[:, :, FAMILY_COUNT]
    return ratios, np.maximum(counts[:, opened] - counts[:, closed], 0.0)


def _transitions(plan: _Plan, leads: Matrix, as_of: Vector) -> Matrix:
    """Days since each transition [n, T]: since the newest of its ends that has a begin before."""
    steps = leads[:, SEQUENCE:FAMILIES].reshape(-1, 1, SEQUENCE_LENGTH, 3)
    begins, ends = (codes[:, None] + 1.0 == steps[:, :, :, 2] for codes in plan.transitions)
    earlier = np.logical_or.accumulate(begins[:, :, ::-1], axis=2)[:, :, ::-1]
    made = ends[:, :, :-1] & earlier[:, :, 1:]
    since = np.maximum(as_of[:, None, None] - steps[:, :, :-1, 0], 0.0) / SECONDS_PER_DAY
    days: Matrix = np.fmin.reduce(np.where(made, since, np.nan), axis=2)
    return days


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


def _lead_features(plan: _Plan, leads: Matrix, as_of: Vector, recency: Matrix) -> list[Matrix]:
    ages = np.maximum(as_of[:, None] - leads[:, FIRST : LAST + 1], 0.0)
    counted = np.floor(leads[:, COUNT : COUNT + 1])  # the fraction is of actions of ours
    known = np.where(counted > 0, ages / SECONDS_PER_DAY, np.nan)
    intensity = leads[:, INTENSITY] * np.exp2(-ages[:, -1] / plan.lives[plan.middle])
    return [
        counted,
        known,
        intensity[:, None],
        _channels(plan, recency)[:, None],
        _active_days(leads, as_of),
        _gaps(leads),
    ]


def _channels(plan: _Plan, recency: Matrix) -> Vector:
    lately = (recency <= 30.0).astype(np.float64)
    counted: Vector = ((lately @ plan.channels) > 0).sum(axis=1, dtype=np.float64)
    return counted


def _active_days(states: Matrix, as_of: Vector) -> Matrix:
    """Active days [n, windows] among the last 7 and 28, the day of the moment included."""
    today = np.floor(as_of / SECONDS_PER_DAY)
    age = np.minimum(np.maximum(today - states[:, DAY], 0), ACTIVE_DAYS)
    room = np.maximum(_WINDOWS - age[:, None].astype(np.int64), 0)
    bits = states[:, DAY_BITS : DAY_BITS + 1].astype(np.int64)
    days: Matrix = np.bitwise_count(bits & ((np.int64(1) << room) - 1)).astype(np.float64)
    return days


def _gaps(states: Matrix) -> Matrix:
    """Days [n, 2] between the last two steps, and between the kept ones on average."""
    times = states[:, SEQUENCE:FAMILIES:3]
    held = (times > 0).sum(axis=1)
    gaps = times[:, :1] - times[:, [1, 0]]
    gaps[:, 1] = times[:, 0] - times[np.arange(len(times)), held - 1]
    gaps[:, 1] /= np.maximum(held - 1, 1)
    gaps[held < 2] = np.nan
    gaps /= SECONDS_PER_DAY
    return gaps


def _account_features(plan: _Plan, layout: Layout, accounts: Matrix, as_of: Vector) -> list[Matrix]:
    counted = np.floor(accounts[:, COUNT])
    known = counted > 0
    seen = layout.width + 1
    people = accounts[:, seen : seen + PEOPLE]
    days = np.where(people > 0, np.floor(as_of)[:, None] - people, np.inf) / SECONDS_PER_DAY
    since = np.where(known, np.maximum(as_of - accounts[:, LAST], 0), np.nan)
    blocks = accounts[:, FAMILIES : layout.numbers_at].reshape(len(accounts), *plan.block)
    age = np.maximum(as_of[:, None] - blocks[:, :, FAMILY_LAST], 0.0)
    life = plan.lives[plan.middle]
    rates = blocks[:, :, FAMILY_DECAYED + plan.middle] * np.exp2(-age / life)
    quiet = np.maximum(as_of[:, None] - people, 0.0)
    each = accounts[:, seen + PEOPLE : seen + 2 * PEOPLE] * np.exp2(-quiet / life)
    whole = [
        accounts[:, layout.width],
        (days <= 7).sum(axis=1),
        (days <= 30).sum(axis=1),
        since / SECONDS_PER_DAY,
        counted,
        each.max(axis=1),
    ]
    return [*(column[:, None] for column in whole), rates]
