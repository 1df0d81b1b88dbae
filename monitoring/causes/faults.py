"""Faults of what a source tells of leads: null bursts, values that got stuck, units that changed.

They are looked for in columns that hold what a source said, such as a company's size. What is
counted from events, such as visits in a week, is at fault where the events are
(`monitoring.causes.feeds`).
"""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from monitoring.causes.cause import Cause, CauseKind
from monitoring.causes.cohort import Cohort
from monitoring.causes.moves import TOLERANCE, ColumnMove
from monitoring.causes.shares import Shares, Units, chance_above, one_share
from monitoring.causes.units import changed_unit

STUCK = 0.99
"""A column of which so large a share of companies has one value is constant."""

VARIED = 0.9
"""It has varied where no value had so large a share of the reference."""


def faults(cohort: Cohort, source_columns: Collection[str], level: float) -> Iterator[Cause]:
    """The faults of columns that sources tell; what `level` allows is shared among them."""
    each = level / max(1, 3 * len(source_columns))
    for move in cohort.moves:
        if move.column not in source_columns:
            continue
        cause = null_burst(cohort, move, each) or constant(cohort, move, each)
        cause = cause or unit_change(cohort, move, each)
        if cause is not None:
            yield cause


def null_burst(cohort: Cohort, move: ColumnMove, level: float) -> Cause | None:
    """Whether more companies lack a value than did, beyond the tolerance and chance."""
    now, usual = move.missing_current, move.missing_reference
    if now - usual <= TOLERANCE:
        return None
    sides = one_share(now, cohort.units), one_share(usual, cohort.reference_units)
    chance = float(chance_above(*sides, TOLERANCE)[0])
    text = f"{move.column} is missing for {now:.0%} of the companies, {usual:.0%} is usual"
    cause = _fault(CauseKind.NULL_BURST, move.column, text, now, usual, chance, level)
    return cause if chance <= level else None


def constant(cohort: Cohort, move: ColumnMove, level: float) -> Cause | None:
    """Whether a column that varied has one value."""
    cells = np.bincount(cohort.coded[move.column].codes + 1, cohort.units.weight)[1:]
    if not cells.sum() or cells.max() < STUCK * cells.sum():  # not even in one cell
        return None
    here, there = cohort.values(move.column)
    value = _middle(here[(cohort.units.weight > 0) & here.notna().to_numpy()])
    if value is None:
        return None
    share, usual = _share(here, cohort.units, value), _share(there, cohort.reference_units, value)
    now, before = float(share.values[0]), float(usual.values[0])
    if now < STUCK or before >= VARIED:
        return None
    chance = float(chance_above(share, usual, TOLERANCE)[0])
    text = f"{move.column} is the same for {now:.0%} of the companies, {before:.0%} had that value"
    cause = _fault(CauseKind.CONSTANT, move.column, text, now, before, chance, level)
    return cause if chance <= level else None


def unit_change(cohort: Cohort, move: ColumnMove, level: float) -> Cause | None:
    """Whether all numbers of a column, or a part of them, are a factor off."""
    if move.chance > level or cohort.reference.cells[move.column].edges is None:
        return None
    here, there = cohort.values(move.column)
    changed = changed_unit(
        (there.to_numpy(dtype=np.float64), cohort.reference_units.weight),
        (here.to_numpy(dtype=np.float64), cohort.units.weight),
        cohort.units.effective,
    )
    if changed is None:
        return None
    factor, share = changed
    text = (
        f"{move.column} is about {factor:,.3g} times what it was, for {share:.0%} of the companies"
    )
    return _fault(CauseKind.UNIT_CHANGE, move.column, text, factor, 1.0, move.chance, level)


def _fault(
    kind: CauseKind, about: str, text: str, value: float, usual: float, chance: float, level: float
) -> Cause:
    return Cause(
        kind=kind,
        about=about,
        text=text,
        value=value,
        usual=usual,
        tolerance=TOLERANCE,
        chance=chance,
        level=level,
        action="mend",
    )


def _middle(values: pd.Series) -> object:
    """A value that has the majority, if any has; None of no values."""
    if not len(values):
        return None
    if values.dtype == np.float64:
        return float(np.sort(values.to_numpy())[len(values) // 2])
    return values.iloc[0] if (values == values.iloc[0]).mean() > 0.5 else values.mode()[0]


def _share(values: pd.Series, units: Units, value: object) -> Shares:
    """The share of companies with a value, of those that have any."""
    present = units.where(values.notna().to_numpy())
    total = float(present.weight.sum())
    mine = float(units.weight[(values == value).to_numpy()].sum())
    return one_share(mine / total if total > 0 else 0.0, present)
