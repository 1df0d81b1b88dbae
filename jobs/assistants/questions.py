"""What tools take: each field bounded, none unknown."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from domain.approvals import LONGEST_REASON, NO_NUL
from domain.versions.manifest import VersionKind
from domain.what_if import MOST_CHANGES, FeatureValue

LeadIdText = Annotated[
    str, Meta(min_length=1, max_length=128, description="A lead's id, as find_lead gives it.")
]
Grade = Literal["A", "B", "C", "D"]
Version = Annotated[
    str,
    Meta(min_length=1, max_length=128, pattern=NO_NUL, description="A label such as lead-3."),
]
Because = Annotated[
    str,
    Meta(min_length=1, max_length=LONGEST_REASON, pattern=NO_NUL, description="Why; it is kept."),
]
Few = Annotated[int, Meta(ge=1, le=50, description="At most so many, 1 to 50.")]
Cursor = Annotated[str, Meta(max_length=256, description="next_cursor of the page before.")]
Identifiers = Annotated[
    dict[str, Annotated[str, Meta(min_length=1, max_length=512)]],
    Meta(min_length=1, max_length=6, description="By kind: crm_id, email, phone, …"),
]


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every tool's arguments are."""


class FindLead(Question, frozen=True, kw_only=True):
    """Whom to find: a lead's id, or identifiers of it; one of both."""

    lead_id: LeadIdText | None = None
    identifiers: Identifiers | None = None


class ExplainScore(Question, frozen=True, kw_only=True):
    """Which score: a lead's newest, or that of one decision; one of both."""

    lead_id: LeadIdText | None = None
    decision_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class AskWhatIf(Question, frozen=True, kw_only=True):
    """A lead, and its features as they are taken to be; null is missing."""

    lead_id: LeadIdText
    changes: Annotated[dict[str, FeatureValue], Meta(min_length=1, max_length=MOST_CHANGES)]


class NextLeads(Question, frozen=True, kw_only=True):
    """Which leads: open ones by their newest score, highest first."""

    limit: Few = 10
    cursor: Cursor | None = None
    grade: Grade | None = None
    queue: Annotated[str, Meta(max_length=128)] | None = None
    min_score: Annotated[float, Meta(ge=0, le=1)] | None = None


class WhyNot(Question, frozen=True, kw_only=True):
    """A lead, and the grade that it lacks; the next better one where none is named."""

    lead_id: LeadIdText
    grade: Grade | None = None


class CompareOverTime(Question, frozen=True, kw_only=True):
    """A lead, and how many of its newest decisions are compared."""

    lead_id: LeadIdText
    limit: Few = 10


class ReplayDecision(Question, frozen=True, kw_only=True):
    """Which decision is made again from its record."""

    decision_id: Annotated[str, Meta(min_length=1, max_length=64)]


class DiffPolicy(Question, frozen=True, kw_only=True):
    """A policy, and another that it is held against; the one in force where none is named."""

    policy: Version
    against: Version | None = None


class BacktestPolicy(Question, frozen=True, kw_only=True):
    """A policy, held against what was decided, or against another policy; on newest decisions."""

    policy: Version
    against: Version | None = None
    newest: Annotated[
        int, Meta(ge=1, le=100_000, description="Of the newest decisions, at most so many.")
    ] = 20_000


class AskWorkflow(Question, frozen=True, kw_only=True):
    """The workflow at a glance, and where one lead stands where it is named."""

    lead_id: LeadIdText | None = None
    within_hours: Annotated[
        float, Meta(ge=0, le=8_760, description="Service levels due within so many hours.")
    ] = 8.0


class ActOnLead(Question, frozen=True, kw_only=True):
    """A lead, and why; with the same `request_id` it is done once."""

    lead_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_NUL)]
    reason: Because
    request_id: Annotated[str, Meta(max_length=64, pattern=r"^[\x21-\x7e]*$")] = ""


class AskRollouts(Question, frozen=True, kw_only=True):
    """Of one kind of versions, or of all where none is named."""

    kind: VersionKind | None = None


class AskEvidence(Question, frozen=True, kw_only=True):
    """Which rollout's steps; the newest ones of all where none is named."""

    rollout: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    limit: Few = 10


class AskModelCard(Question, frozen=True, kw_only=True):
    """Which version; the champion where none is named."""

    version: Version | None = None


class ProposePolicy(Question, frozen=True, kw_only=True):
    """A policy's whole file as JSON, and why."""

    policy: dict[str, Any]
    reason: Because


class RequestPromotion(Question, frozen=True, kw_only=True):
    """A version that is to become champion, and why.

    `changes`, of a policy alone: on how many golden rows, at most, it may decide unlike the one in
    force.
    """

    version: Version
    kind: VersionKind
    reason: Because
    changes: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None


class RecordOutcome(Question, frozen=True, kw_only=True):
    """What became of a lead, and when (RFC 3339); now where it is not said."""

    lead_id: LeadIdText
    outcome: Annotated[str, Meta(min_length=1, max_length=64, description="Such as won or lost.")]
    reason: Because
    at: Annotated[str, Meta(min_length=10, max_length=40)] | None = None
