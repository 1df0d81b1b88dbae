"""From replayed columns to a backtest."""

from collections.abc import Mapping

import numpy as np

from domain.clock import iso
from monitoring.backtest.backtest import Backtest
from monitoring.backtest.moves import moves, segment_moves, workloads
from monitoring.backtest.policy_value import PolicyValue
from monitoring.backtest.replayed_columns import ReplayedColumns


def gathered_backtest(
    columns: ReplayedColumns,
    labels: tuple[str, str],
    value: PolicyValue,
    capacity: Mapping[str, float],
    *,
    filled: int = 0,
    overridden: int = 0,
    evaluated: tuple[int, int] = (0, 0),
    seconds: float = 0.0,
) -> Backtest:
    """The figures of replayed decisions, of which there is one at least.

    `capacity`: leads that a queue can take a day.
    """
    decided, lead = columns.decisions.column("decided_us"), columns.decisions.column("lead")
    moved = columns.was != columns.now
    return Backtest(
        was=labels[0],
        now=labels[1],
        since=iso(int(decided.min())),
        until=iso(int(decided.max())),
        decisions=len(columns),
        leads=len(np.unique(lead)),
        drawn=int(columns.drawn.sum()),
        moved=int(moved.sum()),
        moved_leads=len(np.unique(lead[moved])),
        other_step=int((~moved & columns.other_step).sum()),
        filled=filled,
        overridden=overridden,
        evaluated=evaluated,
        seconds=seconds,
        moves=moves(columns),
        segments=segment_moves(columns),
        workloads=workloads(columns, capacity),
        value=value,
    )
