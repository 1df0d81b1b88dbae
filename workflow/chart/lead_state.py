"""A lead in its workflow, and the events that move it."""

from typing import Literal

import msgspec

from workflow.chart.facts import NOTHING, LeadFacts


class Timer(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A timer that runs: the event that it raises, when, and how often it begins again."""

    event: str
    due_us: int
    repeats: int = 0


class WorkflowLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a workflow knows of a lead; moments in microseconds since 1970.

    `chart` is the fingerprint of the statechart that it follows, "" before the first event.
    `revision` counts the events that it took. `left_us` says when states were left last.
    `former` are the owners that it was taken from since attempts are counted.
    `asks` says that an owner is to be chosen. `calendar` is that of its owner. `facts_us` is the
    moment of the decision that the facts are of: an older one changes nothing.
    """

    lead_id: str
    account_id: str = ""
    chart: str = ""
    state: str = ""
    since_us: int = 0
    revision: int = 0
    attempts: int = 0
    owner: str = ""
    calendar: str = "default"
    former: tuple[str, ...] = ()
    asks: bool = False
    facts: LeadFacts = NOTHING
    facts_us: int = 0
    timers: tuple[Timer, ...] = ()
    left_us: dict[str, int] = {}

    @property
    def due_us(self) -> int | None:
        """When its next timer is due; None where none runs."""
        return min((timer.due_us for timer in self.timers), default=None)


class WorkflowEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a lead.

    `id` is the event's own: one that was taken already changes nothing. `facts` are a decision's,
    made at `facts_us`; `owner` and `calendar` are those of an assignment; `by` is who says so, by
    the name that was given, and `credential` what that person or program is known by.
    """

    id: str
    lead_id: str
    name: str
    account_id: str = ""
    by: str = ""
    credential: str = ""
    reason: str = ""
    facts: LeadFacts | None = None
    facts_us: int = 0
    owner: str = ""
    calendar: str = "default"


StepKind = Literal["moved", "stayed", "ignored"]
"""moved: into a state, perhaps its own again. stayed: a transition without a state to go to, or
facts that changed. ignored: nothing takes the event there."""
