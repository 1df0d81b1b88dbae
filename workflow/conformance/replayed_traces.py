"""Traces replayed on a workflow: which it accepts, and at which step it rejects the others."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from workflow.chart.lead_state import WorkflowEvent
from workflow.chart.statechart import Statechart
from workflow.chart.step import begin, step
from workflow.conformance.drawn_chart import Trace, named

MOST_EXAMPLES = 3


class TraceRejection(msgspec.Struct, frozen=True, kw_only=True):
    """Why traces are rejected: in this state the workflow does not take this event.

    `known` says that it takes the event elsewhere. `examples` are places of traces, from 0.
    """

    state: str
    event: str
    known: bool
    traces: int
    examples: tuple[int, ...]


class TraceConformance(msgspec.Struct, frozen=True, kw_only=True):
    """How traces fare on a workflow: how many it accepts to the end, and why not the others.

    `steps` counts the events of all traces, `taken_steps` those that a transition took.
    """

    traces: int
    accepted: int
    steps: int
    taken_steps: int
    rejections: tuple[TraceRejection, ...]


def conformance(chart: Statechart, traces: Iterable[Trace]) -> TraceConformance:
    """Replay traces by the step that moves leads, each up to the first event that is not taken."""
    count = accepted = steps = moved = 0
    reasons: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[int]] = {}
    for place, trace in enumerate(traces):
        count, steps = count + 1, steps + len(trace)
        done, reason = _replayed(chart, named(trace))
        moved += done
        if reason is None:
            accepted += 1
            continue
        reasons[reason] += 1
        if len(examples.setdefault(reason, [])) < MOST_EXAMPLES:
            examples[reason].append(place)
    return TraceConformance(
        traces=count,
        accepted=accepted,
        steps=steps,
        taken_steps=moved,
        rejections=tuple(
            TraceRejection(
                state=state,
                event=event,
                known=event in chart.spec.events,
                traces=times,
                examples=tuple(examples[state, event]),
            )
            for (state, event), times in reasons.most_common()
        ),
    )


def _replayed(chart: Statechart, names: list[str]) -> tuple[int, tuple[str, str] | None]:
    """How many events were taken, and where it ended: (state, event), None at the trace's end."""
    lead = begin(chart, "trace", "", 0)
    for number, name in enumerate(names):
        done = step(chart, lead, WorkflowEvent(id=str(number), lead_id="trace", name=name), 0)
        if done.kind == "ignored":
            return number, (lead.state, name)
        lead = done.lead
    return len(names), None
