"""What is sent and answered. Unknown fields are ignored: a newer service may add some."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

Value = float | str | None
"""Of a feature; None is missing."""
Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Arm = Literal["champion", "challenger", "holdout"]
VersionKind = Literal["model", "policy", "workflow"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event: `source` and `id` together name it, `identifiers` say whom it is about, by kind.

    `time` is when it happened, `recordedtime` when it became known. Both must have a time zone.
    `actionid` names the action of ours that it answers or tells of, such as an e-mail that we sent.
    """

    id: str
    source: str
    type: str
    time: Aware
    specversion: Literal["1.0"] = "1.0"
    dataversion: int = 1
    recordedtime: Aware | None = None
    actionid: str | None = None
    identifiers: dict[str, Any] = {}
    data: dict[str, Any] = {}


class RefusedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not accepted: its place among those that were sent, from 0, and why."""

    index: int
    rule: str
    detail: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of events: received = accepted + duplicates + quarantined."""

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    cured: int = 0
    refused: list[RefusedEvent] = []
    refused_total: int = 0


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a score is what it is: a feature, its value, its contribution in log-odds, a sentence."""

    feature: str
    value: Value
    contribution: float
    text: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about a lead, and the identifiers of the rules that said so.

    `owner_pool` names those of whom one becomes its owner, `service_level_h` within how many
    working hours the next step is due, `because` why it is this one; None where it is not said.
    """

    eligible: bool
    action: str
    queue: str
    priority: int
    next_best_action: str
    rules: tuple[str, ...]
    owner_pool: str = ""
    service_level_h: float | None = None
    because: str | None = None


class VersionSet(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that made an answer."""

    model: str
    feature_service: str
    policy: str
    catalogue: str = ""


class Arms(msgspec.Struct, frozen=True, kw_only=True):
    """The arm of an account in the rollout of models, and in that of policies."""

    model: Arm = "champion"
    policy: Arm = "champion"


class ScoreAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one lead. `score` is a calibrated probability, `percentile` of 0 to 100.

    `staleness_s` is the age of the features in seconds; `degraded_by` says why an answer is less
    than it should be, "" where it is not.
    """

    lead_id: str
    score: float
    percentile: float
    grade: str
    reasons: tuple[Reason, ...]
    decision: Decision
    versions: VersionSet
    arm: Arm
    features_as_of: str
    staleness_s: float
    degraded: bool
    decision_id: str
    trace_id: str
    arms: Arms = Arms()
    degraded_by: str = ""


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answers for the leads that are known, and the ids of those that are not."""

    answers: list[ScoreAnswer]
    unknown: list[str]


class LeadsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of leads; `next_cursor` asks for the next, None where there is none."""

    leads: list[ScoreAnswer]
    next_cursor: str | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that was taken to be otherwise: what it is, and what it was asked to be."""

    feature: str
    was: Value
    now: Value


class HypotheticalScore(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a lead. `score` is a calibrated probability."""

    score: float
    percentile: float
    grade: str
    reasons: tuple[Reason, ...]
    decision: Decision


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """A lead as it is and as it would be; `notes` say what makes the changed answer doubtful."""

    lead_id: str
    changes: tuple[Change, ...]
    before: HypotheticalScore
    after: HypotheticalScore
    notes: tuple[str, ...]
    versions: VersionSet
    arm: Arm
    features_as_of: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a policy looked at."""

    score: float
    percentile: float
    grade: str
    account_known: bool
    profile: dict[str, Value]
    features: dict[str, Value]


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stood in one rollout; shares of accounts from 0 to 1, steps from 0."""

    rollout: str
    kind: VersionKind
    mode: Literal["canary", "shadow", "blue_green", "holdout"]
    step: int
    weight: float
    holdout: float
    arm: Arm


class RandomRouting(msgspec.Struct, frozen=True, kw_only=True):
    """A routing that was drawn at random, each of `among` possible ones alike."""

    rollout: str
    among: int
    instead_of: Decision


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of a caller with its Idempotency-Key, and of the request's body."""

    key: str
    asked: str


class DecisionChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an override changes of a decision; None stays as the policy decides."""

    eligible: Literal[False] | None = None
    action: str | None = None
    queue: str | None = None
    priority: int | None = None
    next_best_action: str | None = None
    owner_pool: str | None = None
    service_level_h: float | None = None


class AppliedOverride(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided otherwise than the policy, whose decision is `instead_of`."""

    number: int
    of: Literal["lead", "account"]
    change: DecisionChange
    reason: str
    instead_of: Decision


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded decision, complete. Moments are microseconds since 1970."""

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


class DecisionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of decisions; a page may be short, and still have a next."""

    decisions: list[DecisionRecord]
    next_cursor: str | None


class PendingApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion to champion that waits for a second person."""

    version: str
    kind: VersionKind
    requested: str
    requested_by: str
    credential: str
    reason: str
    failed_gates: tuple[str, ...]


class PendingApprovals(msgspec.Struct, frozen=True, kw_only=True):
    """Promotions that wait, the newest first."""

    approvals: list[PendingApproval]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion that a second person completed, as the ledger has it."""

    version: str
    kind: VersionKind
    sequence: int
    request: int
    approved: str
    credential: str
    reason: str
    failed_gates: tuple[str, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One error (RFC 9457). `type` names its kind, `rule` the rule that was broken."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    rule: str


class LeadStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lead stands in its workflow, and what people may do with it."""

    lead_id: str
    account_id: str
    version: str
    state: str
    since: str
    owner: str
    attempts: int
    due: dict[str, str]
    actions: tuple[str, ...]
