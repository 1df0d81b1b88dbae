"""What an agent saw, what it proposed and why, and what became of it: an entry of the journal."""

from collections.abc import Callable
from typing import Any

import msgspec

from workflow.agents.contract import AgentProposal, AgentTask
from workflow.agents.gate import JudgedProposal
from workflow.outbox.journal import EffectsDraft


class AgentRunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One task of an agent. `task` is what it saw; `proposals` beside `verdicts`, one for one.

    `failure` is the rule by which it could not say anything, "" where it could. `leads_to` are the
    keys of effects, or the numbers of proposals that wait for a person.
    """

    lead_id: str
    revision: int
    task: AgentTask
    proposals: tuple[dict[str, Any], ...] = ()
    verdicts: tuple[tuple[str, str], ...] = ()
    leads_to: tuple[str, ...] = ()
    failure: str = ""
    cause: str = ""
    attempts: int = 0
    took_ms: float = 0.0


def proposed(
    proposals: tuple[AgentProposal, ...], mask: Callable[[str], str]
) -> tuple[dict[str, Any], ...]:
    """Proposals as documents, the texts in them masked: an agent may repeat what it should not."""
    return tuple(
        {name: _masked(value, mask) for name, value in msgspec.to_builtins(one).items()}
        for one in proposals
    )


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, list | tuple):
        return [_masked(one, mask) for one in value]
    return mask(value) if isinstance(value, str) else value


def verdicts_of(judged: tuple[JudgedProposal, ...]) -> tuple[tuple[str, str], ...]:
    """Verdict and rule of each."""
    return tuple((one.verdict, one.rule) for one in judged)


def subject_of(role: str, lead_id: str, revision: int) -> str:
    """What an entry is about: a role's look at a lead, as it is after so many events."""
    return f"{role}:{lead_id}:{revision}"


def draft(detail: AgentRunDetail, label: str) -> EffectsDraft:
    """The entry of the journal."""
    return EffectsDraft(
        kind="agent_run",
        subject=subject_of(detail.task.role, detail.lead_id, detail.revision),
        by=label,
        document=msgspec.to_builtins(detail),
    )
