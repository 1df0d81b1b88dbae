"""A definition as numbers and arrays: where its columns stand, and what they are made of."""

from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from domain.definition import FeatureDefinition
from domain.state import Index, Matrix, Vector, half_lives_of, layout_of


class ColumnLayout(NamedTuple):
    """Where each group of columns begins, in their order, and how many there are in all."""

    counts: int
    recencies: int
    rates: int
    velocities: int
    totals: int
    distinct: int
    ratios: int
    backlogs: int
    transitions: int
    activity: int
    breadth: int
    active_days: int
    gaps: int
    account: int
    account_rates: int
    attributes: int
    width: int


class NumberPlan(NamedTuple):
    """What the columns of F families are made of.

    `half_lives` in seconds, `middle` the place of the one of accounts and of intensity;
    `family_width` to `account_width` are those of the state's layout. `valued` are the families
    with a total; `channel_of` [F] the place of each one's channel. `ratios` [R, 2] are the columns
    above and below, `smoothing` [R, 2] what is added to each; `backlogs` [B, 2] the columns of
    what was opened and closed; `transitions` [T, 2] the codes of steps that begin and end one.
    """

    families: int
    half_lives: Vector
    middle: int
    accounts: bool
    family_width: int
    numbers_at: int
    sets_at: int
    width: int
    account_width: int
    valued: Index
    channels: int
    channel_of: Index
    ratios: Index
    smoothing: Matrix
    backlogs: Index
    transitions: Matrix


@lru_cache(maxsize=16)
def columns_of(d: FeatureDefinition) -> ColumnLayout:
    """Where the number columns of a definition stand, as `features.catalogue` names them."""
    families, lives = len(d.families), len(d.half_lives_days)
    valued = [f for f in d.families if f.value]
    sizes = [families, families, lives * families, families, len(valued), len(d.sets)]
    sizes += [len(d.ratios), len(d.backlogs), len(d.transitions), 4, 1, 2, 2]
    sizes += [6, families, len(d.numbers)] if d.accounts else [0, 0, len(d.numbers)]
    return ColumnLayout(*accumulate(sizes, initial=0))


@lru_cache(maxsize=16)
def plan_of(d: FeatureDefinition) -> NumberPlan:
    """The plan of a definition, made once."""
    at = {f.name: i for i, f in enumerate(d.families)}
    layout, columns, lives = layout_of(d), columns_of(d), d.half_lives_days

    def compared(family: str, life: float | None) -> int:
        if life == 0:
            return columns.counts + at[family]
        place = lives.index(lives[-1] if life is None else life)
        return columns.rates + place * len(at) + at[family]

    ratios = [[compared(f, r.half_life_days) for f in (r.of, r.over)] for r in d.ratios]
    backlogs = [[compared(f, 0) for f in (b.opened, b.closed)] for b in d.backlogs]
    transitions = [[1.0 + at[f] for f in (t.begins, t.ends)] for t in d.transitions]
    return NumberPlan(
        families=len(at),
        half_lives=half_lives_of(d),
        middle=len(lives) // 2,
        accounts=d.accounts,
        family_width=layout.family_width,
        numbers_at=layout.numbers_at,
        sets_at=layout.sets_at,
        width=layout.width,
        account_width=layout.account_width if d.accounts else 0,
        valued=np.array([i for i, f in enumerate(d.families) if f.value], dtype=np.int64),
        channels=len(d.channels),
        channel_of=np.array([d.channels.index(f.channel) for f in d.families], dtype=np.int64),
        ratios=np.array(ratios, dtype=np.int64).reshape(-1, 2),
        smoothing=np.array([[r.prior * r.weight, r.weight] for r in d.ratios]).reshape(-1, 2),
        backlogs=np.array(backlogs, dtype=np.int64).reshape(-1, 2),
        transitions=np.array(transitions, dtype=np.float64).reshape(-1, 2),
    )
