"""Pages of leads: together they are the ranking that a plain sort gives."""

import random
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from decisions.audit.ranking import LARGEST_PAGE
from decisions.audit.tables import create_tables
from decisions.audit.trail import AuditTrail
from domain.decisions import DecisionRecord
from domain.errors import BadInput
from tests.decisions.conftest import MakeEngine, MakeRecord

SCORES = st.sampled_from([0.0, 0.05, 0.08, 0.1, 0.2, 0.3, 0.1 + 0.2, 0.4, 0.9, 1.0]) | st.floats(
    0, 1
)
DECIDED = st.lists(st.tuples(st.integers(0, 12), SCORES, st.integers(0, 5)), max_size=40)


def newest(made: list[DecisionRecord]) -> list[DecisionRecord]:
    """By the obvious way: the last of the latest decisions of each lead, sorted."""
    held: dict[str, DecisionRecord] = {}
    for record in made:
        before = held.get(record.answer.lead_id)
        if before is None or record.decided_us >= before.decided_us:
            held[record.answer.lead_id] = record
    return sorted(held.values(), key=lambda r: (-r.answer.score, r.answer.lead_id))


def walk(trail: AuditTrail, limit: int, **filters: object) -> list[DecisionRecord]:
    found: list[DecisionRecord] = []
    after: str | None = None
    while True:
        page = trail.latest(limit, after=after, **filters)  # type: ignore[arg-type]
        assert len(page.records) <= limit
        found += page.records
        if page.cursor is None:
            return found
        after = page.cursor


@settings(max_examples=40, deadline=None)
@given(decided=DECIDED, limit=st.integers(1, 9))
def test_pages_are_the_sorted_whole(
    make_engine: MakeEngine,
    make_record: MakeRecord,
    decided: list[tuple[int, float, int]],
    limit: int,
) -> None:
    made = [make_record(at, lead_id=f"lead_{lead}", score=score) for lead, score, at in decided]
    with TemporaryDirectory() as folder:
        engine = make_engine(Path(folder) / "a.db")
        create_tables(engine)
        trail = AuditTrail(engine)
        trail.append(made)
        whole = newest(made)
        assert walk(trail, limit) == whole
        assert walk(trail, limit, grade="B") == [r for r in whole if r.answer.grade == "B"]
        assert walk(trail, limit, min_score=0.2) == [r for r in whole if r.answer.score >= 0.2]
        queue = "mid_market_emea"
        wanted = [r for r in whole if r.answer.decision.queue == queue and r.answer.score >= 0.3]
        assert walk(trail, limit, queue=queue, min_score=0.3) == wanted
        engine.dispose()


@pytest.mark.parametrize("looked_at", [1, 3, 10, 100])
def test_several_filters_find_all_that_fit_wherever_they_are(
    trail: AuditTrail, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr("decisions.audit.ranking.LOOKED_AT", looked_at)
    chance = random.Random(looked_at)
    made = []
    for n in range(60):
        record = make_record(lead_id=f"lead_{n}", score=round(chance.random(), 1))
        decision = replace(
            record.answer.decision, eligible=bool(n % 3), queue=chance.choice(["a", "b"])
        )
        answer = replace(record.answer, decision=decision, grade=chance.choice("AB"))
        made.append(replace(record, answer=answer))
    trail.append(made)
    whole = newest(made)
    for grade, queue, eligible in product((None, "A"), (None, "b"), (None, True, False)):
        wanted = [
            r
            for r in whole
            if grade in (None, r.answer.grade)
            and queue in (None, r.answer.decision.queue)
            and eligible in (None, r.answer.decision.eligible)
        ]
        assert walk(trail, 4, grade=grade, queue=queue, eligible=eligible) == wanted


def test_a_page_that_ends_the_list_has_no_cursor(
    trail: AuditTrail, make_record: MakeRecord
) -> None:
    trail.append([make_record(lead_id=f"lead_{n}") for n in range(4)])
    assert trail.latest(4).cursor is None
    assert trail.latest(3).cursor is not None


@pytest.mark.parametrize("limit", [0, -1, LARGEST_PAGE + 1])
def test_bad_limit(trail: AuditTrail, limit: int) -> None:
    with pytest.raises(BadInput, match="limit"):
        trail.latest(limit)


@pytest.mark.parametrize("cursor", ["", "W10=", "bnVsbA==", "WzEsMl0=", "\u00e9", "{}"])
def test_bad_cursor(trail: AuditTrail, cursor: str) -> None:
    with pytest.raises(BadInput) as raised:
        trail.latest(after=cursor)
    assert raised.value.rule == "page-cursor"


@given(cursor=st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_cursor_is_refused_or_read(
    make_engine: MakeEngine, tmp_path_factory: pytest.TempPathFactory, cursor: str
) -> None:
    engine = make_engine(tmp_path_factory.getbasetemp() / "cursors.db")
    create_tables(engine)
    with suppress(BadInput):
        assert AuditTrail(engine).latest(after=cursor).records == ()
    engine.dispose()


def test_the_page_enters_the_index(trail: AuditTrail, make_record: MakeRecord) -> None:
    """Neither a sort nor a scan of the whole trail: the cost is that of the page."""
    trail.append([make_record(lead_id=f"lead_{n}", score=n / 50) for n in range(40)])
    with trail._engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT r.score, r.lead_id, a.body FROM audit_ranking r JOIN audit a"
            " ON r.sequence = a.sequence WHERE r.score <= 0.5 AND (r.score < 0.5 OR"
            " (r.score = 0.5 AND r.lead_id > 'x')) ORDER BY r.score DESC, r.lead_id LIMIT 10"
        ).all()
    steps = " ".join(str(row[-1]) for row in plan)
    assert "audit_ranking_by_score" in steps
    assert "TEMP B-TREE" not in steps
