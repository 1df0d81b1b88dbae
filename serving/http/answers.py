"""The bodies of answers that are more than one answer: a batch, a page."""

from typing import Any

import msgspec

from domain.approvals import PendingApproval
from domain.decisions import DecisionRecord
from domain.scores import ScoreAnswer


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answers for the leads that are known, and the ids of those that are not."""

    answers: list[ScoreAnswer]
    unknown: list[str]


class LeadsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of leads; `next_cursor` asks for the next, null where there is none."""

    leads: list[dict[str, Any]]
    next_cursor: str | None


class DecisionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of decisions; `next_cursor` asks for the next, null where there is none.

    A page may be short, and still have a next.
    """

    decisions: list[DecisionRecord]
    next_cursor: str | None


class PendingApprovals(msgspec.Struct, frozen=True, kw_only=True):
    """Promotions that wait for a second person, the newest first."""

    approvals: list[PendingApproval]
