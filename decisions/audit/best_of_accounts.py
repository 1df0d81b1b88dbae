"""Accounts by their best lead: which leads of a page of the ranking lead their accounts."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from decisions.audit.tables import AUDIT, RANKING

RowReader = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]


class AccountStanding(NamedTuple):
    """An account's leads that have a decision: how many, and its best one's score and id."""

    people: int
    score: float
    lead_id: str


def standings(read: RowReader, accounts: Sequence[str]) -> dict[str, AccountStanding]:
    """The standing of each of these accounts; its cost grows with their decisions alone."""
    ranked, audit = RANKING.c, AUDIT.c
    same = sa.and_(ranked.sequence == audit.sequence, ranked.lead_id == audit.lead_id)
    query = (
        sa.select(audit.account_id, ranked.score, ranked.lead_id)
        .join_from(AUDIT, RANKING, same)
        .where(audit.account_id.in_(accounts))
    )
    best: dict[str, AccountStanding] = {}
    for row in read(query):
        account, score, lead = row.account_id, row.score, row.lead_id
        known = best.get(account, AccountStanding(0, -1.0, ""))
        ahead = (-score, lead) < (-known.score, known.lead_id)
        best[account] = AccountStanding(
            known.people + 1,
            score if ahead else known.score,
            lead if ahead else known.lead_id,
        )
    return best
