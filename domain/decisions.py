"""The facts that a policy decides on, and the record of every decision."""

from typing import Annotated, Literal

import msgspec

from domain.bucketing import Assignment
from domain.scores import Decision, ScoreAnswer


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a policy may look at; `profile` holds the lead's attributes by name.

    A decision depends on nothing else: no clock, no setting, no state of the process.
    """

    score: float
    percentile: float
    grade: str
    account_known: bool
    profile: dict[str, float | str | None]
    features: dict[str, float | str | None]


class RandomRouting(msgspec.Struct, frozen=True, kw_only=True):
    """A routing that was drawn at random, each of `among` possible ones alike.

    `rollout` is the plan that drew it, `instead_of` what the policy decides on the facts.
    """

    rollout: str
    among: int
    instead_of: Decision


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a request that may be sent again, and is answered once.

    `key` is a digest of the caller and its Idempotency-Key, `asked` a digest of the request's body.
    """

    key: str
    asked: str


class PolicyQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One lead to be answered: its id, or identifiers by kind of it, not both.

    `arrived_us` is when the request came, on the process's monotonic clock; None where nobody
    waits for this answer alone.
    """

    lead_id: str = ""
    identifiers: dict[str, str] | None = None
    trace_id: str = ""
    request: RequestKey | None = None
    arrived_us: int | None = None


MOST_OVERRIDE_DAYS = 366
"""So long may an override hold: what is meant to stay is a rule of the policy."""
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class DecisionChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an override changes of a decision; None stays as the policy decides.

    `eligible` can only be taken away: nobody is marketed to against the policy's word.
    """

    eligible: Literal[False] | None = None
    action: _Name | None = None
    queue: _Name | None = None
    priority: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    next_best_action: _Name | None = None
    owner_pool: _Name | None = None
    service_level_h: Annotated[float, msgspec.Meta(gt=0, le=10_000)] | None = None

    def changes(self) -> dict[str, object]:
        """What is changed, by field."""
        fields = msgspec.structs.asdict(self)
        return {name: value for name, value in fields.items() if value is not None}


class AppliedOverride(msgspec.Struct, frozen=True, kw_only=True):
    """An override that made a decision, complete: replay needs nothing else.

    `number` is its entry in the journal, which has author and expiry. `instead_of` is what the
    policy decides on the facts.
    """

    number: int
    of: Literal["lead", "account"]
    change: DecisionChange
    reason: str
    instead_of: Decision


def overridden(
    decision: Decision, number: int, change: DecisionChange, reason: str
) -> Decision | None:
    """A decision under an override; None where the policy finds the lead not eligible.

    >>> was = Decision(eligible=True, action="call", queue="a", priority=2,
    ...     next_best_action="call", rules=("r",))
    >>> now = overridden(was, 3, DecisionChange(queue="b"), "a partner brought them")
    >>> now.queue, now.priority, now.rules
    ('b', 2, ('r', 'override.3'))
    """
    if not decision.eligible:
        return None
    why = f"override {number}: {reason}" if change.next_best_action else decision.because
    return msgspec.structs.replace(
        decision,
        **change.changes(),
        because=why,
        rules=(*decision.rules, f"override.{number}"),
    )


def override_number(decision: Decision) -> int | None:
    """The number of the override that made a decision, as its last rule says; None for none.

    >>> was = Decision(eligible=True, action="call", queue="a", priority=2,
    ...     next_best_action="call", rules=("r",))
    >>> now = overridden(was, 3, DecisionChange(queue="b"), "a partner brought them")
    >>> override_number(was), override_number(now)
    (None, 3)
    """
    return override_named(decision.rules[-1]) if decision.rules else None


def override_named(rule: str) -> int | None:
    """The number of the override that a rule's name stands for; None where it is a policy's own."""
    word, _, number = rule.partition(".")
    return int(number) if word == "override" and number.isdecimal() else None


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, complete: enough to replay it to the same answer.

    `features` are the named features in the order of the feature service, `texts` the category
    features after them; `shadow` holds the scores that other versions gave to the same features;
    `watermark_us` is the newest moment the log knew of when it was made. `rollout` is the rollout
    of models under way, `assigned` where the account stood in that and all others;
    `shadow_decisions` is what other policies decided on the same facts, by label; `drawn` is None
    where the decision is the policy's. `request` is None where it was not to be asked once.
    `took_us` is how long after its request's arrival the decision was made, before it was recorded;
    None where nobody waited for it alone. `override` is None where a person had no say.
    """

    decided_us: int
    as_of_us: int
    watermark_us: int
    account_id: str
    features: tuple[float | None, ...]
    texts: tuple[str, ...]
    margin: float
    rollout: str
    shadow: dict[str, float]
    facts: Facts
    answer: ScoreAnswer
    assigned: tuple[Assignment, ...] = ()
    shadow_decisions: dict[str, Decision] = {}
    drawn: RandomRouting | None = None
    request: RequestKey | None = None
    took_us: int | None = None
    override: AppliedOverride | None = None


class DecisionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which recorded decisions are wanted: all that fit everything that is given.

    Moments in microseconds since 1970, `since_us` included, `until_us` not. `version` is the
    model's, `rule` one of the policy's rules that decided.
    """

    leads: tuple[str, ...] | None = None
    accounts: tuple[str, ...] | None = None
    since_us: int | None = None
    until_us: int | None = None
    version: str | None = None
    policy: str | None = None
    grade: str | None = None
    action: str | None = None
    rule: str | None = None
