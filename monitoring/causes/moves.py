"""How far each column of the scored leads has moved from the reference, beyond chance."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.causes.cells import Cells, CodedColumn, cut
from monitoring.causes.shares import (
    Floats,
    Shares,
    Units,
    benjamini_hochberg,
    chance_apart,
    equal,
    joined,
)

TOLERANCE = 0.1
"""Shares that lie no further apart have not moved: of a large sample, everything differs."""


class ColumnMove(msgspec.Struct, frozen=True, kw_only=True):
    """One column: how far it moved, where, and whether beyond the tolerance and chance.

    `distance` is the largest difference of a share of companies, 0 to 1: of those without a value,
    in a category, or above a tenth of the reference (for numbers it is Kolmogorov's distance).
    `cell` says of which, `current` and `reference` are both shares. `chance` bounds how often
    sampling alone would take any cell of the column beyond the tolerance; after `judged`, adjusted
    for the number of columns. `importance` is the column's share of the explanations.
    """

    column: str
    cell: str
    distance: float
    current: float
    reference: float
    chance: float
    drifted: bool
    importance: float
    missing_current: float
    missing_reference: float

    @property
    def emptied(self) -> bool:
        """Whether one side has values and the other has none: a feed that broke, or began."""
        return sorted((self.missing_reference, self.missing_current))[1] == 1.0 and self.drifted


class Reference:
    """The reference, its columns cut and coded once: float64, or texts, with NaN for missing.

    `partial` columns are filled for some of the rows alone: that one is missing says nothing.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        accounts: Sequence[int] | NDArray[np.int64],
        partial: Collection[str] = (),
    ) -> None:
        self.frame = frame
        self.partial = frozenset(partial)
        self.units = equal(np.asarray(accounts))
        self.cells: dict[str, Cells] = {str(n): cut(frame[n], self.units) for n in frame.columns}
        self.coded = self.code(frame)

    def code(self, frame: pd.DataFrame) -> dict[str, CodedColumn]:
        """The cells of the rows of a frame, by column, of those columns that it has."""
        return {n: cells.code(frame[n]) for n, cells in self.cells.items() if n in frame}


def moves(
    reference: Reference,
    reference_units: Units,
    current: Mapping[str, CodedColumn],
    units: Units,
    importance: Mapping[str, float],
) -> list[ColumnMove]:
    """The move of each column of the current side, which the reference has coded."""
    names = list(current)
    if not names:
        return []
    here = [_shares(reference, n, current[n], units) for n in names]
    there = [_shares(reference, n, reference.coded[n], reference_units) for n in names]
    chances = chance_apart(joined(here), joined(there), TOLERANCE)
    each = np.split(chances, np.cumsum([len(one.values) for one in here])[:-1])
    return [
        _move(reference.cells[name], now, then, chance, importance.get(name, 0.0))
        for name, now, then, chance in zip(names, here, there, each, strict=True)
    ]


def judged(column_moves: Sequence[ColumnMove], level: float) -> list[ColumnMove]:
    """Moves with chances adjusted to a false-discovery rate of `level`, and whether drifted."""
    adjusted = benjamini_hochberg(np.array([move.chance for move in column_moves]))
    return [
        msgspec.structs.replace(move, chance=chance, drifted=chance <= level)
        for move, chance in zip(column_moves, adjusted.tolist(), strict=True)
    ]


def _shares(reference: Reference, name: str, coded: CodedColumn, units: Units) -> Shares:
    """The share of missing values, then those of the cells."""
    absent = coded.missing(units)
    if name in reference.partial:
        absent = Shares(np.zeros(1), np.zeros(1))
    return joined([absent, reference.cells[name].shares(coded, units)])


def _move(
    cells: Cells, here: Shares, there: Shares, chances: Floats, importance: float
) -> ColumnMove:
    both = (here.effective > 0) & (there.effective > 0)
    apart = np.where(both, np.abs(here.values - there.values), 0.0)
    at = int(np.argmax(apart))
    named = ("missing", *(cells.names if cells.edges is None else cells.names[1:]))
    return ColumnMove(
        column=cells.column,
        cell=named[at],
        distance=float(apart[at]),
        current=float(here.values[at]),
        reference=float(there.values[at]),
        chance=float(min(1.0, len(chances) * chances.min())),
        drifted=False,
        importance=importance,
        missing_current=float(here.values[0]),
        missing_reference=float(there.values[0]),
    )
