"""What a policy is asked, and what is kept of every decision."""

from typing import Literal

import msgspec

from domain.scores import Arm, Decision, ScoreAnswer


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a policy may look at. `profile` holds the lead's attributes by name.

    Nothing else may move a decision: no clock, no setting, no state of the process.
    """

    score: float
    percentile: float
    grade: str
    account_known: bool
    profile: dict[str, float | str | None]
    features: dict[str, float | str | None]


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stood in one rollout, and what it takes to see why.

    `step` counts from 0; `weight` and `holdout` were the shares of challenger and holdout then.
    """

    rollout: str
    kind: Literal["model", "policy"]
    mode: Literal["canary", "shadow", "blue_green", "holdout"]
    step: int
    weight: float
    holdout: float
    arm: Arm


class RandomRouting(msgspec.Struct, frozen=True, kw_only=True):
    """A routing that was drawn at random, each of `among` possible ones alike.

    `rollout` is the plan that drew it, `instead_of` what the policy decides on the facts.
    """

    rollout: str
    among: int
    instead_of: Decision


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be sent again, and is answered once.

    `key` is a digest of who asked and of the key that was sent, `asked` one of what was asked.
    """

    key: str
    asked: str


class PolicyQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One lead to be answered: its id, or identifiers by kind of it, not both."""

    lead_id: str = ""
    identifiers: dict[str, str] | None = None
    trace_id: str = ""
    request: RequestKey | None = None


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, complete: enough to replay it to the same answer.

    `features` are the named features in the order of the feature service, `texts` the category
    features after them; `shadow` holds the scores that other versions gave to the same features;
    `watermark_us` is the newest moment the log knew of when it was made. `rollout` is the rollout
    of models under way, `assigned` where the account stood in that and all others;
    `shadow_decisions` is what other policies decided on the same facts, by label; `drawn` is None
    where the decision is the policy's. `request` is None where it was not to be asked once.
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
