"""Leads ranked by their newest decision, a page at a time."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from decisions.audit.tables import AUDIT, RANKING
from domain.decisions import DecisionRecord
from domain.errors import BadInput

LARGEST_PAGE = 1000

RowReader = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]

_decoder = msgspec.json.Decoder(DecisionRecord)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Each lead's newest decision; `cursor` asks for the next page, None where there is none."""

    records: tuple[DecisionRecord, ...]
    cursor: str | None


def page(
    read: RowReader,
    limit: int,
    after: str | None,
    *,
    grade: str | None,
    queue: str | None,
    min_score: float | None,
    accounts: Sequence[str] | None,
    eligible: bool | None,
) -> Page:
    """A page by keyset: its cost depends on its length alone, not on how far down it is.

    Raises BadInput where limit or cursor are none, and whatever `read` raises.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE}", rule="page-limit")
    ranked = RANKING.c
    query = sa.select(ranked.score, ranked.lead_id, AUDIT.c.body)
    same = sa.and_(ranked.sequence == AUDIT.c.sequence, ranked.lead_id == AUDIT.c.lead_id)
    query = query.join_from(RANKING, AUDIT, same)
    for column, wanted in ((ranked.grade, grade), (ranked.queue, queue)):
        if wanted is not None:
            query = query.where(column == wanted)
    if accounts is not None:
        query = query.where(AUDIT.c.account_id.in_(accounts))
    if eligible is not None:
        query = query.where(AUDIT.c.eligible == eligible)
    if min_score is not None:
        query = query.where(ranked.score >= min_score)
    if after is not None:
        query = query.where(_past(after))
    rows = read(query.order_by(ranked.score.desc(), ranked.lead_id).limit(limit + 1))
    shown = rows[:limit]
    cursor = _cursor(shown[-1].score, shown[-1].lead_id) if len(rows) > limit else None
    return Page(records=tuple(_decoder.decode(row.body) for row in shown), cursor=cursor)


def _past(cursor: str) -> sa.ColumnElement[bool]:
    try:
        text = urlsafe_b64decode(cursor.encode("ascii"))
        score, lead_id = msgspec.json.decode(text, type=tuple[float, str])
        if "\0" in lead_id:
            raise ValueError("a NUL")  # noqa: TRY301 PostgreSQL would refuse it as if it failed
    except (ValueError, msgspec.DecodeError) as bad:
        raise BadInput("invalid cursor", rule="page-cursor") from bad
    ranked = RANKING.c
    tied = sa.and_(ranked.score == score, ranked.lead_id > lead_id)
    # the first condition alone lets the index be entered at the right place
    return sa.and_(ranked.score <= score, sa.or_(ranked.score < score, tied))


def _cursor(score: float, lead_id: str) -> str:
    return urlsafe_b64encode(msgspec.json.encode((score, lead_id))).decode("ascii")
