"""The finite graph of a workflow: every configuration that a lead can be in, and every move."""

from collections import deque
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from domain.errors import Refused
from workflow.chart.spec import TransitionSpec
from workflow.chart.statechart import ASSIGNED, UNASSIGNED, ChartTransition, Statechart
from workflow.hours.spec import Duration
from workflow.proof.cells import FactAxes, Values, axes, before_decision, most_attempts

MOST_CELLS = 20_000
MOST_CONFIGURATIONS = 200_000
MoveKind = Literal["decision", "outside", "timer", "answer"]


class Configuration(NamedTuple):
    """What decides of a lead's further way.

    `cell` numbers the facts, `left` are states with a cool-down that it has left, `timers` those
    that run. Time itself is left out: whatever time decides may go either way.
    """

    state: str
    cell: int
    attempts: int
    owned: bool
    asks: bool
    timers: frozenset[str]
    left: frozenset[str]


class ProofMove(NamedTuple):
    """What may happen next, and what it leads to.

    `place` is that of the transition, "" where none is taken; `entered` says that a state was
    entered, `timed` that time could have kept it from being taken.
    """

    kind: MoveKind
    event: str
    cell: int
    place: str
    entered: bool
    timed: bool
    to: Configuration


class GuardCells:
    """The facts that a chart's guards tell apart, and what each guard says of each.

    Number 0 is what is known before the first decision. Facts of which all guards say the same are
    one cell. Raises Unproven for a guard that cannot be analysed, Refused where there are too many.
    """

    def __init__(self, chart: Statechart) -> None:
        guards = list(chart.guards())
        self.axes: FactAxes = axes(guards)
        self.most_attempts = most_attempts(guards)
        if self.axes.count > MOST_CELLS:
            raise Refused(
                f"its guards tell {self.axes.count:,} cases apart, at most {MOST_CELLS:,} can be "
                "visited",
                rule="workflow-size",
                todo="Let the policy decide more, and the guards less.",
            )
        self._guards = {guard.text: guard for guard in guards}
        self.values: list[Values] = [before_decision()]
        self.number: dict[tuple[object, ...], int] = {}
        self._truth: dict[tuple[str, int, int, bool], bool] = {}
        seen: dict[tuple[bool, ...], int] = {}
        for cell in self.axes.cells():
            values = {**self.values[0], **cell}
            signature = tuple(self._signature(values))
            if signature not in seen:
                seen[signature] = len(self.values)
                self.values.append(values)
            self.number[tuple(cell.values())] = seen[signature]

    def holds(self, text: str, at: Configuration) -> bool:
        """Whether a guard holds there."""
        key = (text, at.cell, at.attempts, at.owned)
        if key not in self._truth:
            facts = {**self.values[at.cell], "attempts": at.attempts, "owned": at.owned}
            self._truth[key] = self._guards[text].holds(facts)
        return self._truth[key]

    def shown(self, cell: int) -> str:
        """The facts of a cell, those that guards name: `eligible=true, grade='A'`."""
        if cell == 0:
            return "no decision yet"
        values = self.values[cell]
        return ", ".join(f"{name}={_shown(values[name])}" for name in self.axes.values)

    def _signature(self, values: Values) -> Iterator[bool]:
        for guard in self._guards.values():
            named = guard.names
            counts = range((self.most_attempts or 0) + 1) if "attempts" in named else (0,)
            for attempts in counts:
                for owned in (False, True) if "owned" in named else (False,):
                    yield guard.holds({**values, "attempts": attempts, "owned": owned})


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else f"{value:g}"


class Explorer:
    """The moves of a chart among configurations; `without` are states that may not be entered."""

    def __init__(
        self, chart: Statechart, cells: GuardCells, without: frozenset[str] = frozenset()
    ) -> None:
        self.chart = chart
        self.cells = cells
        self._without = without
        self._decisions = [n for n, e in chart.spec.events.items() if e.source == "decision"]

    def begin(self) -> Configuration:
        """Where a lead begins."""
        initial = self.chart.spec.initial
        none: frozenset[str] = frozenset()
        nowhere = Configuration(initial, 0, 0, owned=False, asks=False, timers=none, left=none)
        return self._entered(nowhere, initial)._replace(left=none)

    def reach(self) -> dict[Configuration, list[ProofMove]]:
        """Every configuration that can be reached, with its moves. Raises Refused."""
        begin = self.begin()
        graph: dict[Configuration, list[ProofMove]] = {}
        if begin.state in self._without:
            return graph
        waiting = deque([begin])
        seen = {begin}
        while waiting:
            at = waiting.popleft()
            graph[at] = list(self.moves(at))
            for move in graph[at]:
                if move.to not in seen:
                    seen.add(move.to)
                    waiting.append(move.to)
            if len(seen) > MOST_CONFIGURATIONS:
                raise Refused(
                    f"a lead can be in more than {MOST_CONFIGURATIONS:,} configurations",
                    rule="workflow-size",
                    todo="Let the policy decide more, and the guards less.",
                )
        return graph

    def moves(self, at: Configuration) -> Iterator[ProofMove]:
        """All that can happen next; nothing where the workflow is over."""
        if self.chart.states[at.state].final:
            return
        if at.asks:
            for answer in (ASSIGNED, UNASSIGNED):
                yield from self._outcomes(at, "answer", answer)
            return
        for cell in range(1, len(self.cells.values)):
            informed = at._replace(cell=cell)
            for event in self._decisions:
                yield from self._outcomes(informed, "decision", event)
        for event in self.chart.events_of(at.state):
            if event in at.timers:
                yield from self._outcomes(at, "timer", event)
            elif event in self.chart.spec.events and event not in self._decisions:
                yield from self._outcomes(at, "outside", event)

    def _outcomes(self, at: Configuration, kind: MoveKind, event: str) -> Iterator[ProofMove]:
        after = [at]
        if kind == "timer":
            after = self._fired(at, event)
        elif kind == "answer":
            after = [self._answered(at, event)]
        for each in after:
            for transition, timed in self._possible(each, event):
                move = ProofMove(kind, event, each.cell, "", entered=False, timed=timed, to=each)
                yield from [move] if transition is None else self._along(move, transition)

    def _possible(
        self, at: Configuration, event: str
    ) -> Iterator[tuple[ChartTransition | None, bool]]:
        """The transitions that may be taken, with whether time has a say; None: none is."""
        timed = False
        for transition in self.chart.transitions(at.state, event):
            if transition.guard and not self.cells.holds(transition.guard.text, at):
                continue
            open_sometimes = self._time_decides(at, event, transition.spec)
            yield transition, open_sometimes
            if not open_sometimes:
                return
            timed = True
        yield None, timed

    def _time_decides(self, at: Configuration, event: str, spec: TransitionSpec) -> bool:
        if spec.to is not None and self.chart.states[spec.to].cool_down and spec.to in at.left:
            return True
        if spec.dwell is None:
            return False
        timer = self.chart.states[at.state].timers.get(event)
        if timer is None or timer.service_level is not msgspec.UNSET:
            return True  # a decision's service level may be of any length
        return not _surely_longer(timer.after, spec.dwell)

    def _along(self, move: ProofMove, transition: ChartTransition) -> Iterator[ProofMove]:
        spec = transition.spec
        if spec.to is None:
            yield move._replace(place=transition.place, to=move.to._replace(asks=spec.assign))
        elif spec.to not in self._without:
            to = self._entered(move.to, spec.to)
            yield move._replace(place=transition.place, entered=True, to=to)

    def _entered(self, at: Configuration, name: str) -> Configuration:
        state = self.chart.states[name]
        left = at.left
        if self.chart.states[at.state].cool_down:
            left = left | {at.state}
        return Configuration(
            name,
            at.cell,
            0 if state.forgets_attempts else at.attempts,
            at.owned and (state.owned or state.final),
            state.assign,
            frozenset(state.timers),
            left,
        )

    def _answered(self, at: Configuration, event: str) -> Configuration:
        if event != ASSIGNED:
            return at._replace(asks=False)
        most = self.cells.most_attempts or 0
        return at._replace(asks=False, owned=True, attempts=min(at.attempts + 1, most))

    def _fired(self, at: Configuration, event: str) -> list[Configuration]:
        """After a timer: it is gone; one that repeats may also go on."""
        over = at._replace(timers=at.timers - {event})
        return [at, over] if self.chart.states[at.state].timers[event].repeat else [over]


def _surely_longer(timer: Duration, dwell: Duration) -> bool:
    """Whether a timer surely takes as long as a dwell: working hours take an hour at least."""
    if dwell.working_hours is not None:
        return timer.working_hours is not None and timer.working_hours >= dwell.working_hours
    return _least_hours(timer) >= _least_hours(dwell)


def _least_hours(duration: Duration) -> float:
    minutes, hours, days = duration.minutes or 0, duration.hours or 0, duration.days or 0
    return minutes / 60 + hours + days * 24 + (duration.working_hours or 0)
