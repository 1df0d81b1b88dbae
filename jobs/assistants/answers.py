"""What tools answer: structures with fixed names, every list bounded."""

import msgspec

from domain.bucketing import Arm
from domain.decisions import AppliedOverride
from domain.measurement import Interval
from domain.scores import Decision, Reason, VersionSet
from domain.versions.manifest import VersionKind
from jobs.workflow.overview import WorkflowOverview
from workflow.actions import LeadStanding


class ShownIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of identifier, and its value; null where personal data is not shown."""

    kind: str
    value: str | None


class ScoreSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded score. `score` is a calibrated probability, `percentile` of 0 to 100."""

    decision_id: str
    decided: str
    score: float
    percentile: float
    grade: str
    action: str
    queue: str
    model: str
    policy: str


class FoundLead(msgspec.Struct, frozen=True, kw_only=True):
    """A lead: current id, account ("" where none is known), outcome ("" while it is open)."""

    lead_id: str
    account_id: str
    outcome: str
    identifiers: tuple[ShownIdentifier, ...]
    newest: ScoreSummary | None


class ExplainedScore(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded score with its reasons (contributions in log-odds), and the decision.

    `override` says which decision of a person changed it, and what the policy decided; null for
    none.
    """

    lead_id: str
    decision_id: str
    decided: str
    score: float
    percentile: float
    grade: str
    reasons: tuple[Reason, ...]
    decision: Decision
    versions: VersionSet
    arm: Arm
    features_as_of: str
    degraded_by: str
    override: AppliedOverride | None


class RankedLead(msgspec.Struct, frozen=True, kw_only=True):
    """A lead with its newest score, what to do about it, and the strongest reasons for it."""

    lead_id: str
    newest: ScoreSummary
    next_best_action: str
    priority: int
    reasons: tuple[str, ...]


class RankedLeads(msgspec.Struct, frozen=True, kw_only=True):
    """Leads, highest score first; `next_cursor` asks for more, null where there are none."""

    leads: tuple[RankedLead, ...]
    next_cursor: str | None


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a lead from a grade: `short_by` is how much probability it lacks, 0 for none."""

    lead_id: str
    decision_id: str
    grade: str
    wanted: str
    score: float
    needed: float
    short_by: float
    against: tuple[Reason, ...]
    eligible: bool
    action: str
    rules: tuple[str, ...]


class ReasonChange(msgspec.Struct, frozen=True, kw_only=True):
    """How much a feature moved the log-odds at the older decision, and at the newest."""

    feature: str
    was: float
    now: float
    text: str


class ScoresOverTime(msgspec.Struct, frozen=True, kw_only=True):
    """A lead's newest scores, oldest first, and which reasons moved from the first to the last."""

    lead_id: str
    scores: tuple[ScoreSummary, ...]
    change: float
    moved: tuple[ReasonChange, ...]


class ReplayedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a decision came out the same again; else the first differences, a sentence each."""

    decision_id: str
    same: bool
    differences: tuple[str, ...]
    differences_total: int


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What of a decision differs, from what to what, and on how many golden rows."""

    field: str
    was: str
    now: str
    rows: int


class PolicyDifferences(msgspec.Struct, frozen=True, kw_only=True):
    """On how many golden rows a policy decides unlike another, and how; the most frequent first."""

    policy: str
    against: str
    rows: int
    changes: tuple[PolicyChange, ...]


class RolloutStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout under way: shares of accounts from 0 to 1, steps counted from 1."""

    rollout: str
    kind: VersionKind
    mode: str
    champion: str
    challenger: str
    weight: float
    holdout: float
    step: int
    steps: int
    started: str
    on_hold: bool


class RolloutsUnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way: rollouts, and the standing holdout; and who is champion."""

    champion_model: str
    champion_policy: str
    champion_workflow: str
    rollouts: tuple[RolloutStanding, ...]


class StepEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one change of a rollout rested on: figures of the challenger's arm, and the verdict.

    `verdict` is pass, fail or inconclusive, "" where none was made. `certified`: anybody can make
    it again (`leadscore rollout verify`).
    """

    sequence: int
    at: str
    rollout: str
    change: str
    step: int
    decisions: int | None
    error_rate: float | None
    p99_ms: float | None
    degraded: float | None
    verdict: str
    reasons: tuple[str, ...]
    certified: bool


class CanaryEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The newest steps of rollouts that rest on evidence, the newest first."""

    steps: tuple[StepEvidence, ...]


class ShownModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model: what it learnt, how good it is, and its card in Markdown."""

    version: str
    stage: str
    created: str
    outcome: str
    horizon_days: float
    feature_service: str
    features: int
    metrics: dict[str, Interval]
    counts: dict[str, int]
    warnings: tuple[str, ...]
    card: str


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal that waits for a person: nothing was decided or changed.

    `number` is what `leadscore proposals` calls it. `findings` and `changes` are what the checks
    of a policy say; `how` is what a person does to accept it.
    """

    number: int
    waits_for: str
    how: str
    findings: tuple[str, ...] = ()
    changes: int | None = None


class RequestedPromotion(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion that waits for a second person, as the ledger's entry `sequence` has it."""

    version: str
    kind: VersionKind
    sequence: int
    gates: dict[str, bool]
    how: str


class BacktestMove(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that go from one routing to another; `expected` is the sum of their scores."""

    was: str
    now: str
    decisions: int
    leads: int
    expected: float


class BacktestQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Leads that come to a queue a day, before and under the candidate."""

    queue: str
    was_a_day: float
    now_a_day: float


class PolicyBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate would have made of recorded decisions, and what that is worth."""

    was: str
    now: str
    since: str
    until: str
    decisions: int
    leads: int
    moved: int
    moved_leads: int
    other_step: int
    moves: tuple[BacktestMove, ...]
    queues: tuple[BacktestQueue, ...]
    value_tells: bool
    value_notes: tuple[str, ...]
    value: tuple["ValueByMethod", ...]


class ValueByMethod(msgspec.Struct, frozen=True, kw_only=True):
    """Conversions per lead by one method; `difference` is null where it bounds each alone."""

    method: str
    was: Interval
    now: Interval
    difference: Interval | None


class WorkflowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The workflow at a glance; `lead` is null where none was named."""

    overview: WorkflowOverview
    lead: LeadStanding | None
