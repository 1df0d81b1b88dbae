"""The audit trail is searched: what fits, all of it, once, whichever page it stands on."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from decisions.audit import search
from decisions.audit.trail import AuditTrail
from domain.decisions import DecisionQuery, DecisionRecord
from domain.errors import BadInput
from tests.decisions.conftest import MakeRecord

AT = 1_700_000_000_000_000
COUNT = 60


@pytest.fixture
def made(trail: AuditTrail, make_record: MakeRecord) -> list[DecisionRecord]:
    records = [make_record(AT + n, lead_id=f"lead_{n % 7}", score=n / COUNT) for n in range(COUNT)]
    trail.append(records)
    return records


def found(trail: AuditTrail, query: DecisionQuery, limit: int) -> list[DecisionRecord]:
    records: list[DecisionRecord] = []
    cursor = None
    while True:
        page = trail.search(query, limit, cursor)
        assert len(page.entries) <= limit
        records += [entry.record for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            return records


def queries(made: list[DecisionRecord]) -> list[tuple[DecisionQuery, list[DecisionRecord]]]:
    """Every query of one thing, and of two, with what fits by the plain way."""
    one = made[COUNT // 2].answer
    rule = made[-1].answer.decision.rules[0]
    asked: dict[str, tuple[Any, Callable[[DecisionRecord], bool]]] = {
        "leads": (("lead_2", "lead_5"), lambda r: r.answer.lead_id in ("lead_2", "lead_5")),
        "accounts": (("acct_1",), lambda _: True),
        "since_us": (AT + 20, lambda r: r.decided_us >= AT + 20),
        "until_us": (AT + 40, lambda r: r.decided_us < AT + 40),
        "version": ("m-2", lambda _: False),
        "policy": ("standard-1", lambda _: True),
        "grade": (one.grade, lambda r: r.answer.grade == one.grade),
        "action": (one.decision.action, lambda r: r.answer.decision.action == one.decision.action),
        "rule": (rule, lambda r: rule in r.answer.decision.rules),
    }
    return [
        (
            DecisionQuery(**{a: asked[a][0], b: asked[b][0]}),
            [r for r in reversed(made) if asked[a][1](r) and asked[b][1](r)],
        )
        for a, b in product(asked, asked)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [4, 500])
def test_pages_together_are_what_fits_newest_first(
    trail: AuditTrail, made: list[DecisionRecord], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", chunk)
    for query, wanted in queries(made):
        for limit in (1, 7, 1_000):
            assert found(trail, query, limit) == wanted
        streamed = [entry.record for entry in trail.stream(query, COUNT)]
        assert streamed == wanted[::-1]


def test_one_page_reads_so_many_entries_and_no_more(
    trail: AuditTrail, made: list[DecisionRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", 5)
    monkeypatch.setattr(search, "LOOKED_AT", 10)
    page = trail.search(DecisionQuery(rule="nobody's"), 3)
    assert (page.entries, page.cursor) == ([], str(COUNT - 9))
    assert found(trail, DecisionQuery(rule="nobody's"), 3) == []


def test_what_is_recorded_later_is_in_no_export_under_way(
    trail: AuditTrail, made: list[DecisionRecord], make_record: MakeRecord
) -> None:
    entries = trail.stream(DecisionQuery(), COUNT)
    next(entries)
    trail.append([make_record(AT + COUNT)])
    assert sum(1 for _ in entries) == COUNT - 1


@pytest.mark.parametrize(
    ("limit", "cursor"), [(0, None), (1001, None), (1, "-1"), (1, "x"), (1, "")]
)
def test_what_cannot_be_asked_is_refused(trail: AuditTrail, limit: int, cursor: str | None) -> None:
    with pytest.raises(BadInput):
        trail.search(DecisionQuery(), limit, cursor)
