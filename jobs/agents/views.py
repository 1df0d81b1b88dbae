"""What agents are shown of a lead: the workflow's state and the newest decision, masked."""

import math
import re
from collections.abc import Callable

from domain.clock import SECOND
from domain.decisions import DecisionRecord
from domain.scores import Reason
from jobs.agents.rules import AgentRule
from jobs.assistants.masking import masked
from workflow.agents.contract import AgentOptions, AgentRole, AgentTask, AgentView
from workflow.chart.lead_state import WorkflowLead

HOUR_US = 3_600 * SECOND
MOST_ATTRIBUTES, MOST_REASONS = 50, 10
LONGEST = 200
NewestDecision = Callable[[str], DecisionRecord | None]


WITHHELD = "[text]"
"""What stands for a text that may be more than the name of a category."""
MOST_DIGITS, LONGEST_WORD = 8, 24
_CATEGORY = re.compile(r"[^\W_][\w .,&/()'+-]{0,59}")


def category(text: str) -> str:
    """A text that names a category, such as an industry; any other is withheld.

    What somebody wrote can hide a person in it, in spellings without end. So it is not looked for
    what is personal in a text, but for what is plain: short, of letters, with few digits.

    >>> [category(one) for one in ("software", "jo@acme.com", "am8uZG9lQGV4YW1wbGUuY29tCg")]
    ['software', '[text]', '[text]']
    """
    plain = (
        masked(text, LONGEST) == text
        and _CATEGORY.fullmatch(text) is not None
        and sum(map(str.isdigit, text)) <= MOST_DIGITS
        and max(map(len, text.split()), default=0) <= LONGEST_WORD
    )
    return text if plain else WITHHELD


def mask(text: str) -> str:
    """A text without addresses, numbers and signs that nobody sees, on one line, bounded."""
    return masked(text, LONGEST)


def task_of(
    role: AgentRole,
    rule: AgentRule,
    lead: WorkflowLead,
    record: DecisionRecord | None,
    now_us: int,
) -> AgentTask:
    """A lead as a task, its texts masked; ids, owners' names and identifiers are not in it."""
    facts = lead.facts
    view = AgentView(
        state=lead.state,
        state_hours=round((now_us - lead.since_us) / HOUR_US, 1),
        owned=bool(lead.owner),
        attempts=lead.attempts,
        eligible=facts.eligible,
        action=category(facts.action) if facts.action else "",
        next_best_action=category(facts.next_best_action) if facts.next_best_action else "",
        queue=category(facts.queue) if facts.queue else "",
        priority=facts.priority,
        grade=facts.grade,
        score=round(facts.score, 4),
        attributes=_attributes(record),
        reasons=_reasons(record),
        due_hours={t.event: round((t.due_us - now_us) / HOUR_US, 2) for t in lead.timers},
    )
    owners = tuple(owner_alias(number) for number in range(len(rule.owners)))
    options = AgentOptions(signals=rule.signals, queues=rule.queues, owners=owners)
    return AgentTask(role=role, at_us=now_us, view=view, options=options)


def owner_alias(number: int) -> str:
    """What an owner is called before an agent: names of people stay here."""
    return f"owner-{number + 1}"


def _attributes(record: DecisionRecord | None) -> dict[str, str | float | None]:
    profile = {} if record is None else record.facts.profile
    return {
        category(name): category(value) if isinstance(value, str) else value
        for name, value in list(profile.items())[:MOST_ATTRIBUTES]
    }


def _reasons(record: DecisionRecord | None) -> tuple[str, ...]:
    reasons = () if record is None else record.answer.reasons
    return tuple(map(_reason, reasons[:MOST_REASONS]))


def _reason(reason: Reason) -> str:
    """A reason without its value: of what others wrote, nothing."""
    share = math.expm1(min(abs(reason.contribution), 50.0))
    change = "raises" if reason.contribution > 0 else "lowers"
    return f"{category(reason.feature.replace('_', ' '))} {change} the odds by {share:.0%}"
