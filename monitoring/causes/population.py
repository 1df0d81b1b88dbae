"""Population shift: leads come with other scores, for other reasons, or with other features.

Scores come first, then reasons: they are what a person acts on. Features count by their share in
the explanations, so that a column that moves no score fires nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.causes.cause import Action, Cause, CauseKind
from monitoring.causes.moves import TOLERANCE, ColumnMove, judged

SCORE, REASON = "score", "reason"
"""Columns beside the features: the score, and the feature of the first reason."""

WEIGHT = 0.2
"""Features of so large a share of the explanations must have moved, to be a shift by themselves."""

PARTS = {SCORE: 0.4, REASON: 0.2, "features": 0.4}
"""What each look may spend of the level."""


@dataclass(frozen=True, slots=True)
class JudgedMoves:
    """The moves of the score, of the reasons and of the features, each judged at its level."""

    score: ColumnMove | None
    reason: ColumnMove | None
    features: tuple[ColumnMove, ...]
    level: float

    @property
    def drifted(self) -> list[ColumnMove]:
        """All that moved, the score first, then the reasons, then by importance."""
        heads = [move for move in (self.score, self.reason) if move is not None]
        column_moves = [*heads, *sorted(self.features, key=lambda move: -move.importance)]
        return [move for move in column_moves if move.drifted]

    @property
    def weight(self) -> float:
        """The share of the explanations that drifted features make up."""
        total = sum(move.importance for move in self.features)
        moved = sum(move.importance for move in self.features if move.drifted)
        return moved / total if total > 0 else 0.0


def judge(column_moves: Sequence[ColumnMove], level: float) -> JudgedMoves:
    """Each move against its part of the level; features with their false discoveries bounded."""
    heads = {
        move.column: judged([move], PARTS[move.column] * level)[0]
        for move in column_moves
        if move.column in PARTS
    }
    features = [move for move in column_moves if move.column not in PARTS]
    return JudgedMoves(
        score=heads.get(SCORE),
        reason=heads.get(REASON),
        features=tuple(judged(features, PARTS["features"] * level)) if features else (),
        level=level,
    )


def shifted(moves: JudgedMoves) -> bool:
    """Whether scores, reasons, or features of enough weight moved."""
    heads = (moves.score, moves.reason)
    return any(move is not None and move.drifted for move in heads) or moves.weight >= WEIGHT


def population_shift(moves: JudgedMoves, action: Action) -> Cause:
    """The cause, of moves that `shifted`."""
    return moved_cause(moves, CauseKind.POPULATION_SHIFT, "", action)


def moved_cause(moves: JudgedMoves, kind: CauseKind, ending: str, action: Action) -> Cause:
    """A cause told by the first of what moved, and how much moved with it."""
    first, *others = moves.drifted
    more = ""
    if others:
        names = ", ".join(move.column for move in others[:3])
        more = (
            f"; {len(others)} more moved, such as {names}"
            if len(others) > 3
            else f"; so did {names}"
        )
    return Cause(
        kind=kind,
        about=first.column,
        text=(
            f"{first.column} {_cell(first)}: {first.current:.0%} of the companies, "
            f"{first.reference:.0%} in the reference{more}{ending}"
        ),
        value=first.current,
        usual=first.reference,
        tolerance=TOLERANCE,
        chance=first.chance,
        level=moves.level,
        action=action,
    )


def _cell(move: ColumnMove) -> str:
    if move.cell == "missing" or move.cell.startswith("above "):
        return move.cell
    return f"is {move.cell}"
