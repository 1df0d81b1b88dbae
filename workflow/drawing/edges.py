"""What leads from which state to which, as a diagram shows it."""

from typing import NamedTuple

from workflow.chart.spec import TransitionSpec
from workflow.chart.statechart import Statechart


class DiagramEdge(NamedTuple):
    """All transitions between two states, a label each: `reject`, `decided [grade == 'A']`."""

    begin: str
    end: str
    labels: tuple[str, ...]


def edges(chart: Statechart) -> list[DiagramEdge]:
    """The edges of a diagram, in the order of the file; what stays in its state has none."""
    labels: dict[tuple[str, str], list[str]] = {}
    for state in chart.states:
        for event in chart.events_of(state):
            for transition in chart.transitions(state, event):
                if transition.spec.to is not None:
                    label = _label(chart, state, event, transition.spec)
                    labels.setdefault((state, transition.spec.to), []).append(label)
    return [DiagramEdge(begin, end, tuple(texts)) for (begin, end), texts in labels.items()]


def _label(chart: Statechart, state: str, event: str, spec: TransitionSpec) -> str:
    timer = chart.states[state].timers.get(event)
    label = event if timer is None else f"{event} after {timer}"
    if spec.when:
        label += f" [{spec.when}]"
    return label if spec.dwell is None else f"{label}, in the state for {spec.dwell}"


def ranks(chart: Statechart) -> dict[str, int]:
    """How many steps each state is from the first; final states stand behind all others."""
    rank = {chart.spec.initial: 0}
    waiting = [chart.spec.initial]
    follow = {
        state: [edge.end for edge in edges(chart) if edge.begin == state] for state in chart.states
    }
    for state in waiting:
        for end in follow[state]:
            if end not in rank and not chart.states[end].final:
                rank[end] = rank[state] + 1
                waiting.append(end)
    last = max(rank.values()) + 1
    return {state: rank.get(state, last) for state in chart.states}
