"""The file of a workflow: `workflow.yaml`, and its types."""

from typing import Annotated, Literal

import msgspec

from storage.config_numbers import FileVersion
from workflow.effect import EffectName
from workflow.hours.spec import LONGEST_WORKING_HOURS, CalendarSpec, Duration

StateName = Annotated[str, msgspec.Meta(max_length=48, pattern=r"^[a-z][a-z0-9_]*$")]
EventName = Annotated[str, msgspec.Meta(max_length=48, pattern=r"^[a-z][a-z0-9_]*$")]
Expression = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Text = Annotated[str, msgspec.Meta(max_length=300)]
EventSource = Literal["decision", "signal", "outcome", "person"]
FieldNumber = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
MOST_STATES = 64
MOST_TRANSITIONS = 512


class EffectSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An effect that a transition or a state asks for.

    `fields` are the effect's fields, by name, each with the fact that it takes its value from;
    `values` are fields of a fixed value.
    """

    connector: EffectName
    action: EffectName
    fields: dict[str, str] = {}
    values: dict[str, str | bool | FieldNumber] = {}


class TransitionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event leads to; of several under one event the first counts whose guard holds.

    Without `to` the lead stays where it is, with its timers. `when` is the guard. With `dwell` it
    counts only once the lead has been in its state for so long. `assign` asks for an owner.
    """

    to: StateName | None = None
    when: Expression | None = None
    dwell: Duration | None = None
    assign: bool = False
    effects: tuple[EffectSpec, ...] = ()


class TimerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A timer of a state; its name is the event that it raises. It begins as the state is entered.

    With `repeat` it begins again so many times. With `service_level`, where the newest decision
    names one, that share of it takes the place of `after`. Left out it is not part of the
    fingerprint, as in charts from before there was this key.
    """

    after: Duration
    repeat: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    service_level: Annotated[float, msgspec.Meta(gt=0, le=1)] | msgspec.UnsetType = msgspec.UNSET

    def length(self, service_level_h: float) -> Duration:
        """How long it takes where a decision's service level is so many working hours, 0 for none.

        More than LONGEST_WORKING_HOURS count as that many.
        """
        if self.service_level is msgspec.UNSET or not service_level_h > 0:
            return self.after
        hours = min(self.service_level * service_level_h, LONGEST_WORKING_HOURS)
        return Duration(working_hours=hours)

    def __str__(self) -> str:
        """As people say it: `4 working hours, or the decision's service level`."""
        if self.service_level is msgspec.UNSET:
            return str(self.after)
        share = "" if self.service_level == 1 else f"{self.service_level:.4g} of "
        return f"{self.after}, or {share}the decision's service level"


class StateSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A state of a lead.

    `requires` is a condition that holds whenever the state is entered, and `after` are states of
    which one was visited before: both are proven, not enforced. `assign` asks for an owner on
    entry, `owned` keeps the owner, else entering takes the lead from its owner. `cool_down` is for
    how long the state cannot be entered again once it was left. `forgets_attempts` begins to count
    assignments anew. `final` states are never left.
    """

    text: Text = ""
    final: bool = False
    owned: bool = False
    assign: bool = False
    forgets_attempts: bool = False
    requires: Expression | None = None
    after: tuple[StateName, ...] = ()
    cool_down: Duration | None = None
    effects: tuple[EffectSpec, ...] = ()
    timers: dict[EventName, TimerSpec] = {}
    transitions: dict[EventName, tuple[TransitionSpec, ...]] = {}


class WorkflowEventSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an event comes from.

    decision: a decision of the audit trail. signal: an event of one of `types`. outcome: one that
    the feature definition takes for one of `outcomes`. person: somebody says so.
    """

    source: EventSource
    types: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    text: Text = ""

    def __post_init__(self) -> None:
        """Refuse types and outcomes where the source has none, and their absence where it has."""
        if (self.source == "signal") != bool(self.types):
            raise ValueError("an event of source signal names types, no other does")
        if (self.source == "outcome") != bool(self.outcomes):
            raise ValueError("an event of source outcome names outcomes, no other does")


class RolloutShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of accounts whose new leads begin with this version; the others with the former."""

    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0


class MigrationRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leads of a former version go on with this one: `states` are those with another name now."""

    from_version: FileVersion
    states: dict[StateName, StateName] = {}


class WorkflowSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `workflow.yaml`.

    `initial` is where a lead begins. `calendars` are working hours by name, `default` among them.
    `migrates` says of which former versions the leads go on with this one; a lead of a version that
    is not there keeps the one it began with.
    """

    version: FileVersion
    name: StateName
    text: Text = ""
    initial: StateName
    calendars: dict[StateName, CalendarSpec] = {}
    events: dict[EventName, WorkflowEventSpec]
    states: dict[StateName, StateSpec]
    migrates: tuple[MigrationRule, ...] = ()
    rollout: RolloutShare = RolloutShare()
