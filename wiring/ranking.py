"""Leads by the score of their newest decision: what service and console show a page of."""

from collections.abc import Sequence
from typing import TypedDict

from decisions.audit.trail import AuditTrail
from domain.decisions import DecisionRecord
from domain.identifiers import accounts_named
from signals.identity.directory import Directory

LOOKS = 20
"""So often the ranking is looked at for one page of leads of some status."""


class RankingFilters(TypedDict, total=False):
    """Which leads are wanted; what is left out or None asks nothing."""

    grade: str | None
    queue: str | None
    min_score: float | None
    eligible: bool | None


def ranked_leads(
    trail: AuditTrail,
    directory: Directory,
    filters: RankingFilters,
    *,
    limit: int,
    cursor: str | None = None,
    status: str = "open",
    account: str | None = None,
) -> tuple[list[DecisionRecord], str | None]:
    """Newest decisions of leads, the best first, and the cursor of the next page.

    `status` is open, decided or all; `account` an account's id, or a domain or CRM id of it. A
    page is shorter than `limit` where LOOKS at the ranking did not fill it. Raises BadInput where
    the cursor is none, Unavailable.
    """
    rows: list[DecisionRecord] = []
    accounts = None if account is None else accounts_named(account)
    for _ in range(LOOKS):
        page = trail.latest(limit - len(rows), after=cursor, accounts=accounts, **filters)
        rows += _of_status(directory, page.records, status)
        cursor = page.cursor
        if cursor is None or len(rows) == limit:
            break
    return rows, cursor


def _of_status(
    directory: Directory, records: Sequence[DecisionRecord], status: str
) -> Sequence[DecisionRecord]:
    """Those of leads that are open, decided, or all."""
    if status == "all" or not records:
        return records
    outcomes = directory.outcomes([record.answer.lead_id for record in records])
    pairs = zip(records, outcomes, strict=True)
    return [record for record, outcome in pairs if bool(outcome) == (status == "decided")]
