"""Accounts by the score of their best lead, a page at a time."""

from typing import NamedTuple

from decisions.audit.trail import AuditTrail
from domain.decisions import DecisionRecord

LOOKS = 20
"""So often the ranking is looked at for one page of accounts."""


class RankedAccount(NamedTuple):
    """An account: how many of its leads have a decision, and the best one's newest."""

    account_id: str
    people: int
    best: DecisionRecord


def ranked_accounts(
    trail: AuditTrail, limit: int, cursor: str | None = None
) -> tuple[list[RankedAccount], str | None]:
    """A page of accounts, the one of the best lead first, and the cursor of the next page.

    The ranking of leads is gone through; each account is met at its best lead alone. A page is
    shorter than `limit` where LOOKS did not fill it. Raises BadInput where the cursor is none,
    Unavailable.
    """
    rows: list[RankedAccount] = []
    for _ in range(LOOKS):
        page = trail.latest(limit - len(rows), after=cursor)
        known = trail.standings(sorted({r.account_id for r in page.records if r.account_id}))
        for record in page.records:
            standing = known.get(record.account_id)
            if standing is not None and standing.lead_id == record.answer.lead_id:
                rows.append(RankedAccount(record.account_id, standing.people, record))
        cursor = page.cursor
        if cursor is None or len(rows) == limit:
            break
    return rows, cursor
