"""Who moves from where to where, of all and by segment, and how many come to each queue a day."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from decisions.backtest.routed_record import Routing
from domain.clock import DAY, iso
from monitoring.backtest.replayed_columns import ReplayedColumns
from monitoring.decision_columns import Floats, Ints

MOST_MOVES = 200
MOST_SEGMENTS = 40
"""Of each kind, the largest; what is left is summed up as `others`."""
MOST_DAYS = 92
"""The newest days that are told one by one."""


class RoutingName(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lead is sent."""

    eligible: bool
    action: str
    queue: str
    priority: int

    def __str__(self) -> str:
        if not self.eligible:
            return f"not eligible ({self.action})"
        return f"{self.action} → {self.queue} ({self.priority})"


class RoutingMove(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that go from one routing to another; `expected`: the sum of their scores."""

    was: RoutingName
    now: RoutingName
    decisions: int
    leads: int
    expected: float


class SegmentMoves(msgspec.Struct, frozen=True, kw_only=True):
    """How many decisions of a segment move; `sooner`: to a priority before, `later`: after."""

    by: str
    name: str
    decisions: int
    moved: int
    sooner: int
    later: int


class QueueDay(msgspec.Struct, frozen=True, kw_only=True):
    """Leads that come to a queue on a day, before and under the candidate."""

    day: str
    was: int
    now: int


class QueueWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """Leads that come to a queue: a lead's first decision, and each that changes its queue.

    `expected` are conversions by the leads' scores. `capacity` is what it can take a day, None
    where it was not given; `days_over` the days with more. `daily` are the newest days.
    """

    queue: str
    was: int
    now: int
    was_a_day: float
    now_a_day: float
    was_busiest: int
    now_busiest: int
    was_expected: float
    now_expected: float
    capacity: float | None
    was_days_over: int | None
    now_days_over: int | None
    daily: tuple[QueueDay, ...]


def moves(columns: ReplayedColumns) -> tuple[RoutingMove, ...]:
    """The kinds of moves, the most frequent first."""
    was, now = columns.was, columns.now
    moved = np.flatnonzero(was != now)
    names = columns.routings
    pairs, place = np.unique(was[moved] * len(names) + now[moved], return_inverse=True)
    counts = np.bincount(place, minlength=len(pairs))
    expected = np.bincount(place, columns.decisions.column("score")[moved], len(pairs))
    lead = columns.decisions.column("lead")[moved]
    each = np.unique(np.stack([place, lead], axis=1), axis=0)[:, 0]
    leads = np.bincount(each.astype(np.int64), minlength=len(pairs))
    order = np.argsort(-counts, kind="stable")[:MOST_MOVES]
    return tuple(
        RoutingMove(
            was=routing_name(names[int(pairs[at]) // len(names)]),
            now=routing_name(names[int(pairs[at]) % len(names)]),
            decisions=int(counts[at]),
            leads=int(leads[at]),
            expected=float(expected[at]),
        )
        for at in order.tolist()
    )


def routing_name(routing: Routing) -> RoutingName:
    """A routing by its parts' names."""
    eligible, action, queue, priority = routing
    return RoutingName(eligible=eligible, action=action, queue=queue, priority=priority)


def segment_moves(columns: ReplayedColumns) -> tuple[SegmentMoves, ...]:
    """Per kind of segment, the segments, the largest first."""
    priority = np.array([routing[3] for routing in columns.routings], dtype=np.int64)
    moved = columns.was != columns.now
    step = priority[columns.now] - priority[columns.was]
    segments: list[SegmentMoves] = []
    for at, by in enumerate(columns.by):
        names, code = columns.segment(at)
        counts = np.stack(
            [
                np.bincount(code, mask, len(names))
                for mask in (np.ones(len(code)), moved, step < 0, step > 0)
            ]
        ).astype(np.int64)
        order = np.argsort(-counts[0], kind="stable").tolist()
        segments += [_segment(by, names[one], counts[:, one]) for one in order[:MOST_SEGMENTS]]
        if len(order) > MOST_SEGMENTS:
            segments.append(_segment(by, "others", counts[:, order[MOST_SEGMENTS:]].sum(axis=1)))
    return tuple(segments)


def _segment(by: str, name: str, counts: NDArray[np.int64]) -> SegmentMoves:
    decisions, moved, sooner, later = counts.tolist()
    return SegmentMoves(
        by=by, name=name, decisions=decisions, moved=moved, sooner=sooner, later=later
    )


def workloads(columns: ReplayedColumns, capacity: Mapping[str, float]) -> tuple[QueueWorkload, ...]:
    """The workload of each queue, by name."""
    queues = sorted({routing[2] for routing in columns.routings} | set(capacity))
    place = {queue: at for at, queue in enumerate(queues)}
    of_routing = np.array([place[routing[2]] for routing in columns.routings], dtype=np.int64)
    decided = columns.decisions.column("decided_us")
    if not len(decided):
        return ()
    day = decided // DAY - int(decided.min()) // DAY
    days = int(day.max()) + 1
    lead, score = columns.decisions.column("lead"), columns.decisions.column("score")
    order = np.lexsort((decided, lead))
    sides: list[tuple[Ints, Floats]] = []
    for routing in (columns.was, columns.now):
        queue = of_routing[routing]
        come = _arrivals(queue, lead, order)
        grid = np.zeros((len(queues), days), dtype=np.int64)
        np.add.at(grid, (queue[come], day[come]), 1)
        expected = np.bincount(queue[come], score[come], len(queues))
        sides.append((grid, expected.astype(np.float64)))
    first = int(decided.min()) // DAY
    return tuple(
        _workload(queue, at, sides, first, capacity.get(queue)) for at, queue in enumerate(queues)
    )


def _arrivals(queue: Ints, lead: Ints, order: Ints) -> Ints:
    """Places of decisions with which a lead comes to a queue; `order` is by lead, then time."""
    new = np.ones(len(order), dtype=np.bool_)
    ordered, of = queue[order], lead[order]
    new[1:] = (ordered[1:] != ordered[:-1]) | (of[1:] != of[:-1])
    return order[new]


def _workload(
    queue: str, at: int, sides: list[tuple[Ints, Floats]], first: int, capacity: float | None
) -> QueueWorkload:
    (was, was_expected), (now, now_expected) = ((grid[at], sums[at]) for grid, sums in sides)
    begin = max(0, len(was) - MOST_DAYS)
    over = [None if capacity is None else int((side > capacity).sum()) for side in (was, now)]
    return QueueWorkload(
        queue=queue,
        was=int(was.sum()),
        now=int(now.sum()),
        was_a_day=float(was.mean()),
        now_a_day=float(now.mean()),
        was_busiest=int(was.max()),
        now_busiest=int(now.max()),
        was_expected=float(was_expected),
        now_expected=float(now_expected),
        capacity=capacity,
        was_days_over=over[0],
        now_days_over=over[1],
        daily=tuple(
            QueueDay(day=iso((first + d) * DAY)[:10], was=int(was[d]), now=int(now[d]))
            for d in range(begin, len(was))
        ),
    )
