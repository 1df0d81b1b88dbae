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
LOOKED_AT = 20_000
"""Leads that are looked at for a page of several filters: it may be short, its cursor goes on."""

RowReader = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]
Filter = tuple[str, object]

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

    Of several filters a page looks at LOOKED_AT leads at most, and may be shorter than `limit`.
    Raises BadInput where limit or cursor are none, and whatever `read` raises.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE}", rule="page-limit")
    wanted_of = (("grade", grade), ("queue", queue), ("eligible", eligible))
    filters = [(name, wanted) for name, wanted in wanted_of if wanted is not None]
    bounds = [] if min_score is None else [RANKING.c.score >= min_score]
    if after is not None:
        bounds.append(_past(after))
    if accounts is None and len(filters) > 1:
        return _of_walk(read, limit, filters, bounds)
    query = _joined(filters).where(*bounds)
    if accounts is not None:
        query = query.where(AUDIT.c.account_id.in_(accounts))
    return _page(read(query.limit(limit + 1)), limit)


def _of_walk(
    read: RowReader, limit: int, filters: Sequence[Filter], bounds: Sequence[sa.ColumnElement[bool]]
) -> Page:
    """Of the leads that one filter's index finds, LOOKED_AT at most, those that fit the others.

    No index tells of two filters where the next lead is that fits both. One that finds no more than
    LOOKED_AT is taken first: the page is whole then.
    """
    ends = [_row_at(read, one, bounds, LOOKED_AT) for one in filters]
    chosen = ends.index(None) if None in ends else 0
    others = [one for place, one in enumerate(filters) if place != chosen]
    end = ends[chosen]
    within = bounds if end is None else [*bounds, _not_past(end.score, end.lead_id)]
    query = _joined([filters[chosen]]).where(*within, *map(_by_no_index, others))
    page = _page(read(query.limit(limit + 1)), limit)
    if page.cursor is None and end is not None:
        return Page(records=page.records, cursor=_cursor(end.score, end.lead_id))
    return page


def _row_at(
    read: RowReader, one: Filter, bounds: Sequence[sa.ColumnElement[bool]], number: int
) -> sa.Row[Any] | None:
    """Score and lead of the lead of that number, from 1, that fits; None where fewer do."""
    ranked, (name, wanted) = RANKING.c, one
    query = sa.select(ranked.score, ranked.lead_id).where(ranked[name] == wanted, *bounds)
    query = query.order_by(ranked.score.desc(), ranked.lead_id)
    return next(iter(read(query.offset(number - 1).limit(1))), None)


def _by_no_index(one: Filter) -> sa.ColumnElement[bool]:
    """A condition that is looked at row by row: the index of another is to be walked."""
    column = RANKING.c[one[0]]
    return sa.func.coalesce(column, column) == one[1]


def _joined(filters: Sequence[Filter]) -> sa.Select[Any]:
    """Leads that fit, the best first, with their newest decisions."""
    ranked = RANKING.c
    same = sa.and_(ranked.sequence == AUDIT.c.sequence, ranked.lead_id == AUDIT.c.lead_id)
    query = sa.select(ranked.score, ranked.lead_id, AUDIT.c.body).join_from(RANKING, AUDIT, same)
    query = query.where(*(ranked[name] == wanted for name, wanted in filters))
    return query.order_by(ranked.score.desc(), ranked.lead_id)


def _page(rows: Sequence[sa.Row[Any]], limit: int) -> Page:
    """A page of rows, of which one more than `limit` was asked for."""
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


def _not_past(score: float, lead_id: str) -> sa.ColumnElement[bool]:
    """Up to that lead, itself included."""
    ranked = RANKING.c
    tied = sa.and_(ranked.score == score, ranked.lead_id <= lead_id)
    return sa.and_(ranked.score >= score, sa.or_(ranked.score > score, tied))


def _cursor(score: float, lead_id: str) -> str:
    return urlsafe_b64encode(msgspec.json.encode((score, lead_id))).decode("ascii")
