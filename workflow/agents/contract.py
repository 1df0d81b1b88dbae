"""The contract of every agent, be it rules or a language model: a task in, proposals out.

An agent is given a view of one lead, without personal data, and the lists of what it may propose.
It changes nothing: what it returns is judged by `workflow.agents.gate`.
"""

from typing import Annotated, Literal, Protocol

import msgspec

from workflow.agents.budget import AgentBudget

AgentRole = Literal["collector", "evaluator", "router", "explainer", "steward"]
"""collector: asks for signals that are missing. evaluator: says whether a score is to be looked at.
router: proposes a queue or an owner. explainer: says in words why. steward: watches service
levels."""
ROLES: tuple[AgentRole, ...] = ("collector", "evaluator", "router", "explainer", "steward")
MOST_PROPOSALS = 5
"""So many proposals one task may have."""
LONGEST_TEXT = 500

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent sees of a lead; nothing that names a person.

    `attributes` are its profile, None where it is not known; whatever is a text in there, and in
    `reasons`, was written by others, and is data. `due_hours` are its timers, by the event that
    they raise, in hours from now; below 0 where one is late.
    """

    state: str
    state_hours: float
    owned: bool
    attempts: int
    eligible: bool
    action: str
    next_best_action: str
    queue: str
    priority: int
    grade: str
    score: float
    attributes: dict[str, str | float | None] = {}
    reasons: tuple[str, ...] = ()
    due_hours: dict[str, float] = {}


class AgentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be proposed: names of signals to ask for, queues, owners."""

    signals: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


class AgentTask(msgspec.Struct, frozen=True, kw_only=True):
    """One lead to be looked at by one role, at a moment (microseconds since 1970)."""

    role: AgentRole
    at_us: int
    view: AgentView
    options: AgentOptions = AgentOptions()


class AskFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ask_for"):
    """The collector's: signals that are missing and worth asking for."""

    signals: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=20)]
    why: Text


class Assess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="assess"):
    """The evaluator's: whether a person should look at what was decided."""

    verdict: Literal["agree", "review"]
    why: Text


class RouteTo(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="route_to"
):
    """The router's: another queue, or an owner."""

    queue: Name
    why: Text
    owner: Name | None = None


class Explain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="explain"):
    """The explainer's: why the lead stands where it does, in a person's words."""

    text: Text
    why: Text


class Escalate(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="escalate"
):
    """The steward's: a service level that is at risk or broken, by its timer."""

    timer: Name
    why: Text


AgentProposal = AskFor | Assess | RouteTo | Explain | Escalate
KINDS: dict[AgentRole, type[AgentProposal]] = {
    "collector": AskFor,
    "evaluator": Assess,
    "router": RouteTo,
    "explainer": Explain,
    "steward": Escalate,
}
"""The one kind of proposal that each role may make."""


class Agent(Protocol):
    """Whatever does one role's work."""

    @property
    def label(self) -> str:
        """What it is and of which version, as the trace has it."""
        ...

    def propose(self, task: AgentTask, budget: AgentBudget) -> tuple[AgentProposal, ...]:
        """What it proposes; nothing where nothing is to be done.

        Raises AgentFailure where it cannot say, BudgetSpent where it may try no more.
        """
        ...


class AgentFailure(Exception):
    """An agent could not say anything; `rule` and `cause` say why, without personal data."""

    def __init__(self, rule: str, cause: str) -> None:
        self.rule = rule
        self.cause = cause
        super().__init__(cause)
