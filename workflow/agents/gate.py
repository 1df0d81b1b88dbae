"""What becomes of a proposal: done, left for a person, or refused. A pure function.

The gate trusts no agent: it looks at each proposal as at any text from outside. What stands in a
proposal must be on the lists that the task names; the effect that it leads to is that of the
configuration (connector, action), for the lead that the task is about, whatever the agent says. A
text that an agent wrote always waits for a person.
"""

from typing import Literal, NamedTuple

from workflow.agents.contract import (
    KINDS,
    AgentProposal,
    AgentTask,
    AskFor,
    Assess,
    Escalate,
    Explain,
    RouteTo,
)
from workflow.chart.facts import LeadFacts
from workflow.chart.guards import Guard

GateVerdict = Literal["done", "waits", "refused", "noted"]
"""done: its effect is asked for. waits: a person decides. refused: a rule says no. noted: it asks
for nothing."""
Approval = Literal["person", "guard"]
"""person: every proposal waits for one. guard: one is done by itself where the guard holds."""


class JudgedProposal(NamedTuple):
    """A verdict on a proposal, the rule that it rests on, and the fields of the effect."""

    verdict: GateVerdict
    rule: str
    fields: dict[str, str | float | bool | None]


def judge(
    proposal: AgentProposal,
    task: AgentTask,
    facts: LeadFacts,
    approval: Approval,
    guard: Guard,
    *,
    owned: bool = False,
) -> JudgedProposal:
    """What becomes of a proposal. `facts` are the newest decision's, as the store has them."""
    if isinstance(proposal, Assess) and proposal.verdict == "agree" and task.role == "evaluator":
        return JudgedProposal("noted", "agrees", {})
    rule = _refusal(proposal, task)
    if not rule and not facts.eligible:
        rule = "lead-eligible"
    if not rule and not guard.holds(_guarded(facts, task, owned=owned)):
        rule = "agent-guard"
    if rule:
        return JudgedProposal("refused", rule, {})
    if approval == "person" or isinstance(proposal, Explain):
        return JudgedProposal("waits", "needs-person", fields_of(proposal))
    return JudgedProposal("done", "agent-guard", fields_of(proposal))


def fields_of(proposal: AgentProposal) -> dict[str, str | float | bool | None]:
    """The fields of the effect that a proposal asks for: names from the lists, but for a text.

    The agent's reasons are in the trace and before the person who decides, not in the effect.
    """
    match proposal:
        case AskFor():
            return {"signals": ", ".join(dict.fromkeys(proposal.signals))}
        case Assess():
            return {"verdict": proposal.verdict}
        case RouteTo():
            return {"queue": proposal.queue, "owner": proposal.owner}
        case Explain():
            return {"text": proposal.text}
        case Escalate():
            return {"timer": proposal.timer}


def _refusal(proposal: AgentProposal, task: AgentTask) -> str:
    """The rule that a proposal breaks by its kind, or by naming what the task does not."""
    if not isinstance(proposal, KINDS[task.role]):
        return "role-proposes"
    options, view = task.options, task.view
    match proposal:
        case AskFor():
            unknown = {name for name, value in view.attributes.items() if value is None}
            asked_for = set(proposal.signals)
            return "" if asked_for <= set(options.signals) & unknown else "signals-listed"
        case RouteTo():
            if proposal.queue not in options.queues:
                return "queue-listed"
            return "" if proposal.owner in (None, *options.owners) else "owner-listed"
        case Escalate():
            return "" if proposal.timer in view.due_hours else "timer-runs"
        case Assess() | Explain():
            return ""


def _guarded(facts: LeadFacts, task: AgentTask, *, owned: bool) -> dict[str, str | float | bool]:
    names = LeadFacts.__struct_fields__
    return {
        **{name: getattr(facts, name) for name in names},
        "attempts": task.view.attempts,
        "owned": owned,
    }
