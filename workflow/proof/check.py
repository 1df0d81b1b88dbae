"""What is wrong with a workflow, each finding with the way that leads there."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from workflow.chart.statechart import Statechart
from workflow.proof.cells import Unproven, comparisons
from workflow.proof.components import components
from workflow.proof.configuration import Configuration, Explorer, GuardCells, ProofMove

WorkflowRule = Literal[
    "unproven",
    "unreachable",
    "never-taken",
    "unused-event",
    "dead-end",
    "waits-forever",
    "way-round",
    "requirement-broken",
    "endless-timers",
    "flaps",
]
Graph = dict[Configuration, list[ProofMove]]


class WorkflowFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: `path` is a counterexample, a step each, from the beginning."""

    rule: WorkflowRule
    where: str
    what: str
    path: tuple[str, ...] = ()


class WorkflowProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has visited, and found."""

    label: str
    fingerprint: str
    configurations: int
    moves: int
    findings: tuple[WorkflowFinding, ...]


def check(chart: Statechart) -> WorkflowProof:
    """Visit every configuration of a chart. Raises Refused where there are too many."""
    unproven = tuple(_unproven(chart))
    if unproven:
        return WorkflowProof(
            label=chart.label,
            fingerprint=chart.fingerprint,
            configurations=0,
            moves=0,
            findings=unproven,
        )
    proof = _Proof(chart)
    return WorkflowProof(
        label=chart.label,
        fingerprint=chart.fingerprint,
        configurations=len(proof.graph),
        moves=sum(map(len, proof.graph.values())),
        findings=tuple(proof.findings()),
    )


def _unproven(chart: Statechart) -> Iterator[WorkflowFinding]:
    for guard in chart.guards():
        try:
            list(comparisons(guard.tree))
        except Unproven as bad:
            where = guard.where.removeprefix("$.")
            what = f"{guard.text!r} cannot be proven: {bad}; compare facts with literals"
            yield WorkflowFinding(rule="unproven", where=where, what=what)


class _Proof:
    """The graph of a chart, and how each configuration is first reached."""

    def __init__(self, chart: Statechart) -> None:
        self.chart = chart
        self.cells = GuardCells(chart)
        self.explorer = Explorer(chart, self.cells)
        self.graph: Graph = self.explorer.reach()
        self.first = _first_moves(self.graph, self.explorer.begin())

    def findings(self) -> Iterator[WorkflowFinding]:
        """All that is wrong, of each rule and place the shortest counterexample."""
        yield from self._never_used()
        yield from self._dead_ends()
        yield from self._waiting()
        yield from self._requirements()
        yield from self._ways_round()
        yield from self._endless()
        yield from self._flapping()

    def _never_used(self) -> Iterator[WorkflowFinding]:
        reached = {at.state for at in self.graph}
        for state in self.chart.states:
            if state not in reached:
                what = "no lead ever gets there"
                yield WorkflowFinding(rule="unreachable", where=state, what=what)
        places = {move.place for moves in self.graph.values() for move in moves}
        for state in reached:
            for event in self.chart.events_of(state):
                for transition in self.chart.transitions(state, event):
                    if transition.place not in places:
                        what = "never taken: its guard never holds, or one before it takes all"
                        yield WorkflowFinding(rule="never-taken", where=transition.place, what=what)
        for event in self.chart.spec.events:
            if not any(event in self.chart.events_of(state) for state in self.chart.states):
                yield WorkflowFinding(
                    rule="unused-event", where=event, what="no state takes the event"
                )

    def _dead_ends(self) -> Iterator[WorkflowFinding]:
        back: dict[Configuration, list[Configuration]] = {}
        for at, moves in self.graph.items():
            for move in moves:
                back.setdefault(move.to, []).append(at)
        ends = [at for at in self.graph if self._final(at)]
        ending, waiting = set(ends), deque(ends)
        while waiting:
            for before in back.get(waiting.popleft(), ()):
                if before not in ending:
                    ending.add(before)
                    waiting.append(before)
        stuck = (at for at in self.graph if at not in ending)
        yield from self._one_a_state(stuck, "dead-end", "no way leads from there to a final state")

    def _waiting(self) -> Iterator[WorkflowFinding]:
        idle = (at for at in self.graph if not (self._final(at) or at.asks or at.timers))
        what = "no timer runs there any more: a lead may wait forever"
        yield from self._one_a_state(idle, "waits-forever", what)

    def _requirements(self) -> Iterator[WorkflowFinding]:
        for name, guard in self.chart.requirements.items():
            for at, moves in self.graph.items():
                broken = next(
                    (
                        move
                        for move in moves
                        if move.entered
                        and move.to.state == name
                        and not self.cells.holds(guard.text, move.to)
                    ),
                    None,
                )
                if broken is not None:
                    yield WorkflowFinding(
                        rule="requirement-broken",
                        where=name,
                        what=f"it is entered where {guard.text!r} does not hold",
                        path=(*self.path(at), self._sentence(broken)),
                    )
                    break

    def _ways_round(self) -> Iterator[WorkflowFinding]:
        for name, state in self.chart.states.items():
            if not state.after:
                continue
            around = Explorer(self.chart, self.cells, frozenset(state.after))
            graph = around.reach()
            reached = next((at for at in graph if at.state == name), None)
            if reached is not None:
                first = _first_moves(graph, around.begin())
                yield WorkflowFinding(
                    rule="way-round",
                    where=name,
                    what=f"it is reached round {', '.join(state.after)}",
                    path=self._path(first, reached),
                )

    def _endless(self) -> Iterator[WorkflowFinding]:
        inner = {
            at: [m for m in moves if m.kind in ("timer", "answer")]
            for at, moves in self.graph.items()
        }
        part = components({at: [m.to for m in moves] for at, moves in inner.items()})
        # within a state, what a timer repeats is bounded: only who enters one begins anew
        for at, moves in inner.items():
            again = next((m for m in moves if m.entered and part[m.to] == part[at]), None)
            if again is not None:
                yield WorkflowFinding(
                    rule="endless-timers",
                    where=at.state,
                    what="timers alone bring a lead there again and again, without end",
                    path=(*self.path(at), self._sentence(again)),
                )
                return

    def _flapping(self) -> Iterator[WorkflowFinding]:
        seen: set[tuple[str, str]] = set()
        neighbours = self._neighbours()
        for at, moves in self.graph.items():
            for move in moves:
                pair = (at.state, move.to.state)
                if move.kind != "decision" or not move.entered or move.timed or pair in seen:
                    continue
                back = self._back(move, at.state, neighbours)
                if back is not None:
                    seen |= {pair, pair[::-1]}
                    yield WorkflowFinding(
                        rule="flaps",
                        where=f"{at.state}, {move.to.state}",
                        what="two decisions that hardly differ move a lead there and back: give "
                        "the guards a gap, or a transition a dwell, or a state a cool_down",
                        path=(*self.path(at), self._sentence(move), self._sentence(back)),
                    )

    def _back(
        self, move: ProofMove, state: str, neighbours: dict[int, set[int]]
    ) -> ProofMove | None:
        if self.chart.states[state].cool_down or move.to.state == state:
            return None
        near = neighbours.get(move.cell, {move.cell})
        for back in self.graph.get(self._settled(move.to), ()):
            returns = back.entered and back.to.state == state and not back.timed
            if back.kind == "decision" and returns and back.cell in near:
                return back
        return None

    def _settled(self, at: Configuration) -> Configuration:
        """The configuration once nobody had room."""
        if not at.asks:
            return at
        return next((m.to for m in self.graph[at] if not m.entered), at)

    def _neighbours(self) -> dict[int, set[int]]:
        """GuardCells that are one, or that differ by the next value of one number."""
        near: dict[int, set[int]] = {}
        values = self.cells.axes.values
        for combination, cell in self.cells.number.items():
            near.setdefault(cell, {cell})
            for place, name in enumerate(values):
                axis = values[name]
                if isinstance(axis[0], float):
                    index = axis.index(combination[place])
                    for other in axis[max(index - 1, 0) : index + 2]:
                        changed = (*combination[:place], other, *combination[place + 1 :])
                        near[cell].add(self.cells.number[changed])
        return near

    def _one_a_state(
        self, where: Iterable[Configuration], rule: WorkflowRule, what: str
    ) -> Iterator[WorkflowFinding]:
        states: set[str] = set()
        for at in where:
            if at.state not in states:
                states.add(at.state)
                yield WorkflowFinding(rule=rule, where=at.state, what=what, path=self.path(at))

    def _final(self, at: Configuration) -> bool:
        return self.chart.states[at.state].final

    def path(self, at: Configuration) -> tuple[str, ...]:
        """The shortest way to a configuration, a step each."""
        return self._path(self.first, at)

    def _path(
        self, first: dict[Configuration, tuple[Configuration, ProofMove]], at: Configuration
    ) -> tuple[str, ...]:
        steps: list[str] = []
        while at in first:
            at, move = first[at]
            steps.append(self._sentence(move))
        return (f"begins in {self.chart.spec.initial}", *reversed(steps))

    def _sentence(self, move: ProofMove) -> str:
        facts = f" ({self.cells.shown(move.cell)})" if move.kind == "decision" else ""
        ends = f"to {move.to.state}" if move.entered else f"stays in {move.to.state}"
        return f"{move.event}{facts}: {ends}"


def _first_moves(
    graph: Graph, begin: Configuration
) -> dict[Configuration, tuple[Configuration, ProofMove]]:
    """How each configuration is first reached, breadth first."""
    first: dict[Configuration, tuple[Configuration, ProofMove]] = {}
    waiting = deque([begin])
    while waiting:
        at = waiting.popleft()
        for move in graph.get(at, ()):
            if move.to not in first and move.to != begin:
                first[move.to] = (at, move)
                waiting.append(move.to)
    return first
