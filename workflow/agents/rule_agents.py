"""Agents that are rules: one for each role, each a pure function of what it is shown."""

from collections.abc import Callable
from typing import Final

from workflow.agents.budget import AgentBudget
from workflow.agents.contract import (
    AgentProposal,
    AgentRole,
    AgentTask,
    AskFor,
    Assess,
    Escalate,
    Explain,
    RouteTo,
)

VERSION = "rules-1"
MOST_ASKED = 5
SOON_HOURS = 1.0
"""A timer that is due within so long is at risk."""
TIRED = 3
"""So many owners have had a lead before it is proposed for another queue."""
_Rule = Callable[[AgentTask], tuple[AgentProposal, ...]]


def collect(task: AgentTask) -> tuple[AgentProposal, ...]:
    """Ask for the first few signals that are not known of a lead that is worth it."""
    unknown = tuple(
        name for name in task.options.signals if task.view.attributes.get(name, "") is None
    )[:MOST_ASKED]
    if not unknown:
        return ()
    why = f"{len(unknown)} of {len(task.options.signals)} signals are not known"
    return (AskFor(signals=unknown, why=why),)


def evaluate(task: AgentTask) -> tuple[AgentProposal, ...]:
    """Ask for a look where a high score rests on a lead of whom little is known."""
    attributes = task.view.attributes.values()
    known = sum(value is not None for value in attributes)
    if task.view.grade == "A" and 2 * known < len(attributes):
        why = f"grade A, though {known} of {len(attributes)} attributes are known"
        return (Assess(verdict="review", why=why),)
    return (Assess(verdict="agree", why="as much is known as of most"),)


def route(task: AgentTask) -> tuple[AgentProposal, ...]:
    """Propose the next queue for a lead that several owners have had."""
    others = [queue for queue in task.options.queues if queue != task.view.queue]
    if task.view.attempts < TIRED or not others:
        return ()
    return (RouteTo(queue=others[0], why=f"{task.view.attempts} owners have had it"),)


def explain(task: AgentTask) -> tuple[AgentProposal, ...]:
    """Put the reasons of the score into one text."""
    if not task.view.reasons:
        return ()
    head = f"Grade {task.view.grade}: "
    return (Explain(text=(head + "; ".join(task.view.reasons))[:500], why="from its reasons"),)


def watch(task: AgentTask) -> tuple[AgentProposal, ...]:
    """Escalate the timer that is late, or will be soon."""
    pressing = [(hours, name) for name, hours in task.view.due_hours.items() if hours < SOON_HOURS]
    if not pressing:
        return ()
    hours, name = min(pressing)
    when = "is late" if hours < 0 else f"is due within {SOON_HOURS:g} hour"
    return (Escalate(timer=name, why=f"{name} {when}"),)


_RULES: Final[dict[AgentRole, _Rule]] = {
    "collector": collect,
    "evaluator": evaluate,
    "router": route,
    "explainer": explain,
    "steward": watch,
}


class RuleAgent:
    """The agent of a role that is rules."""

    label = VERSION

    def __init__(self, role: AgentRole) -> None:
        self._rule = _RULES[role]

    def propose(self, task: AgentTask, budget: AgentBudget) -> tuple[AgentProposal, ...]:
        """What the rules say; one attempt."""
        budget.attempt()
        return self._rule(task)
