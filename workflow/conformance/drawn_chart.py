"""A workflow drawn from traces: what followed what, often enough to be the way it goes.

States are the activities last done, transitions the pairs of the directly-follows graph (van der
Aalst 2016, chapter 5) that enough traces have.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from domain.errors import BadInput
from workflow.chart.spec import (
    StateSpec,
    TimerSpec,
    TransitionSpec,
    WorkflowEventSpec,
    WorkflowSpec,
)
from workflow.chart.statechart import Statechart
from workflow.hours.spec import Duration

Trace = Sequence[str]
"""The activities of one case, in order."""
BEGUN, CLOSED, SILENT = "begun", "closed", "fell_silent"
LONGEST_SILENCE_DAYS = 365.0
_SIGNS = re.compile(r"[^a-z0-9]+")


def activity_name(text: str) -> str:
    """An activity's name as a state's and an event's.

    >>> activity_name("A_SUBMITTED"), activity_name("W_Completeren aanvraag")
    ('a_submitted', 'w_completeren_aanvraag')
    """
    name = _SIGNS.sub("_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"x_{name}"


def drawn_chart(traces: Sequence[Trace], name: str, least_share: float = 0.001) -> Statechart:
    """The workflow of traces: pairs that at least this share of them has are its transitions.

    Every state is also left where nothing happens for LONGEST_SILENCE_DAYS, so that no case waits
    forever. Raises BadInput where there is no trace, or no pair is that frequent.
    """
    if not traces:
        raise BadInput("there is no trace to draw a workflow from", rule="workflow-traces")
    pairs = Counter(pair for trace in traces for pair in set(pairwise((BEGUN, *named(trace)))))
    least = max(least_share * len(traces), 1.0)
    frequent = sorted(pair for pair, count in pairs.items() if count >= least)
    reached = {BEGUN}
    while more := {after for before, after in frequent if before in reached} - reached:
        reached |= more
    kept = [(before, after) for before, after in frequent if before in reached]
    if not kept:
        raise BadInput("nothing happens in enough traces", rule="workflow-traces")
    events = sorted({after for _, after in kept})
    states = {state: _state(state, kept) for state in (BEGUN, *events)}
    return Statechart(
        WorkflowSpec(
            version=1,
            name=name,
            text=f"Drawn from {len(traces):,} traces",
            initial=BEGUN,
            events={event: WorkflowEventSpec(source="person") for event in events},
            states={**states, CLOSED: StateSpec(final=True)},
        )
    )


def named(trace: Trace) -> list[str]:
    """The activities of a trace by the names that a workflow has for them."""
    return [activity_name(activity) for activity in trace]


def _state(state: str, pairs: Sequence[tuple[str, str]]) -> StateSpec:
    following = {after: (TransitionSpec(to=after),) for before, after in pairs if before == state}
    return StateSpec(
        timers={SILENT: TimerSpec(after=Duration(days=LONGEST_SILENCE_DAYS))},
        transitions={**following, SILENT: (TransitionSpec(to=CLOSED),)},
    )
