"""Replayed decisions as columns: some fifty bytes each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decisions.backtest.replay import DrawnWith, ReroutedDecision
from decisions.backtest.routed_record import Routing, routing_of
from decisions.backtest.segments import SegmentOf
from monitoring.decision_columns import DecisionColumns, Floats, Ints

_NAN = DrawnWith(float("nan"), float("nan"), float("nan"))
MOST_NAMES = 10_000
"""Different names of a segment that are told apart; further ones are counted as one."""
OTHERS = "others"


class _Codes:
    """Numbers from 0 for values, in the order in which they are met."""

    def __init__(self) -> None:
        self.codes: dict[object, int] = {}

    def add(self, value: object) -> int:
        """A value's number."""
        return self.codes.setdefault(value, len(self.codes))


class ReplayedColumns:
    """Columns of decisions that are added batch by batch, in the order of the trail."""

    def __init__(self, by: Sequence[str], segments: Sequence[SegmentOf]) -> None:
        self.by = tuple(by)
        self.decisions = DecisionColumns()
        self._segments = list(segments)
        self._routings, self._names = _Codes(), [_Codes() for _ in by]
        self._parts: list[NDArray[np.float64]] = []
        self._whole: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.decisions)

    def add(self, batch: Sequence[ReroutedDecision]) -> None:
        """Take in the next decisions."""
        self.decisions.extend([one.record for one in batch])
        self._whole = None
        rows = np.array([self._row(one) for one in batch], dtype=np.float64)
        self._parts.append(rows.reshape(len(batch), -1))

    def _row(self, one: ReroutedDecision) -> tuple[float, ...]:
        routings = self._routings
        return (
            routings.add(routing_of(one.was)),
            routings.add(routing_of(one.now)),
            routings.add(routing_of(one.record.answer.decision)),
            one.was.next_best_action != one.now.next_best_action,
            one.record.drawn is not None,
            one.plans,
            *(one.all_draws or _NAN),
            *(one.own_draw or _NAN),
            *(self._segment(at, one) for at in range(len(self._names))),
        )

    def _segment(self, at: int, one: ReroutedDecision) -> int:
        codes, name = self._names[at], self._segments[at](one)
        return codes.add(name if len(codes.codes) < MOST_NAMES else OTHERS)

    def _column(self, at: int) -> Floats:
        if self._whole is None:
            width = 12 + len(self._names)
            parts = self._parts or [np.zeros((0, width))]
            self._whole = np.concatenate(parts)
            self._parts = [self._whole]
        return self._whole[:, at]

    @property
    def routings(self) -> list[Routing]:
        """Routings by number."""
        return list(self._routings.codes)  # type: ignore[arg-type]

    @property
    def was(self) -> Ints:
        """Numbers of the routings before [n]."""
        return self._column(0).astype(np.int64)

    @property
    def now(self) -> Ints:
        """Numbers of the routings under the candidate [n]."""
        return self._column(1).astype(np.int64)

    @property
    def routed(self) -> Ints:
        """Numbers of the routings that came about, draws included [n]."""
        return self._column(2).astype(np.int64)

    @property
    def other_step(self) -> NDArray[np.bool_]:
        """Whether the next best action differs [n]."""
        return np.asarray(self._column(3) != 0)

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """Whether the routing was drawn at random [n]."""
        return np.asarray(self._column(4) != 0)

    @property
    def plans(self) -> Ints:
        """In how many rollouts of policies, and holdouts, the account was [n]."""
        return self._column(5).astype(np.int64)

    def chances(self, *, within_holdout: bool) -> tuple[Floats, Floats, Floats]:
        """Chances [n] of the routing that came about, of `was`, of `now`; NaN where not known.

        Before all draws, or of a holdout's own draw alone.
        """
        first = 9 if within_holdout else 6
        return self._column(first), self._column(first + 1), self._column(first + 2)

    def segment(self, at: int) -> tuple[list[str], Ints]:
        """The names of a segment, and the number of each decision's [n]."""
        names = [str(name) for name in self._names[at].codes]
        return names, self._column(12 + at).astype(np.int64)
