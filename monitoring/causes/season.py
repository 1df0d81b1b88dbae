"""Season: what moved since the reference lies where it lay at the same time a year before."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from monitoring.causes.alike import alike
from monitoring.causes.cohort import Cohort
from monitoring.causes.moves import TOLERANCE, ColumnMove, Reference, moves
from monitoring.causes.population import PARTS, JudgedMoves

YEAR = 365.25
AROUND = 45
"""Days before and after this day of an earlier year that are its season."""

FEWEST = 60
"""Companies of the same season that it takes to tell."""

EXPLAINED = 0.8
"""The share of what moved that a season must explain."""


def same_season(days: NDArray[np.int64], today: int) -> NDArray[np.bool_]:
    """Which days [n] are of the season of `today` in an earlier year.

    >>> same_season(np.array([0, 100, 300, 365]), 365).tolist()
    [True, False, False, False]
    """
    before = today - days
    years = np.round(before / YEAR)
    return np.asarray((years >= 1) & (np.abs(before - years * YEAR) <= AROUND))


def seasonal(
    judged: JudgedMoves,
    earlier: Reference | None,
    leads: Cohort,
    importance: Mapping[str, float],
) -> bool:
    """Whether what drifted lies, in the rows of the same season before, where it lies now."""
    if earlier is None or earlier.units.effective < FEWEST:
        return False
    like = alike(earlier.frame, earlier.units, leads.frame, leads.units)
    if like.reference.effective < FEWEST / 2 or like.current.effective < FEWEST / 2:
        return False
    drifted = judged.drifted
    coded = earlier.code(leads.frame[like.kept])
    column_moves = moves(earlier, like.reference, coded, like.current, importance)
    then = {move.column: move for move in column_moves}
    noise = 1.36 * np.sqrt(1 / like.reference.effective + 1 / like.current.effective)
    as_then = [move for move in drifted if _as_then(move, then, TOLERANCE + noise)]
    return _weight(as_then) >= EXPLAINED * _weight(drifted)


def _as_then(move: ColumnMove, then: Mapping[str, ColumnMove], noise: float) -> bool:
    """Whether a column lies nearer to the earlier year than to the reference, and near."""
    other = then.get(move.column)
    return other is not None and other.distance <= min(noise, move.distance)


def _weight(moves: Sequence[ColumnMove]) -> float:
    """What columns weigh: the score and the reasons 1, a feature its share in the explanations."""
    return sum(1.0 if move.column in PARTS else move.importance + 1e-6 for move in moves)
