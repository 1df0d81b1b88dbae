"""Some leads beside their like in the reference: all of them, or those first seen of late."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.causes.alike import AGE
from monitoring.causes.cells import CodedColumn
from monitoring.causes.moves import ColumnMove, Reference, moves
from monitoring.causes.shares import Units


@dataclass(frozen=True, slots=True)
class Cohort:
    """Rows of a frame with their cells, the units of both sides, and how columns moved.

    Rows that are not of the cohort weigh 0.
    """

    reference: Reference
    reference_units: Units
    frame: pd.DataFrame
    coded: Mapping[str, CodedColumn]
    units: Units
    importance: Mapping[str, float]
    moves: list[ColumnMove]

    @classmethod
    def of(
        cls,
        reference: Reference,
        reference_units: Units,
        frame: pd.DataFrame,
        units: Units,
        importance: Mapping[str, float],
    ) -> "Cohort":
        """All rows of a frame."""
        coded = reference.code(frame)
        column_moves = moves(reference, reference_units, coded, units, importance)
        return cls(reference, reference_units, frame, coded, units, importance, column_moves)

    def first_seen_within(self, days: float) -> "Cohort":
        """The leads that were first seen so lately; nobody where their age is not known."""
        sides = (self.reference.frame, self.reference_units), (self.frame, self.units)
        there, here = (_younger(frame, units, days) for frame, units in sides)
        column_moves = moves(self.reference, there, self.coded, here, self.importance)
        return Cohort(
            self.reference, there, self.frame, self.coded, here, self.importance, column_moves
        )

    def values(self, column: str) -> tuple[pd.Series, pd.Series]:
        """A column of the current rows, and of the reference's."""
        return self.frame[column], self.reference.frame[column]


def _younger(frame: pd.DataFrame, units: Units, days: float) -> Units:
    new = np.zeros(len(frame))
    if AGE in frame:
        new = (frame[AGE].to_numpy(dtype=np.float64) <= days).astype(np.float64)
    return Units(units.account, units.weight * new)
