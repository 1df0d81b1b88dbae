"""The contract of `DecisionLog`: the audit trail on SQLite and PostgreSQL."""

import math
import os
from collections.abc import Callable
from threading import Thread

import msgspec
import pytest
import sqlalchemy as sa

from decisions.audit.decision_id import new_decision_id
from decisions.audit.tables import create_tables
from decisions.audit.trail import AuditTrail, TrailHead, TrailVerification
from decisions.audit.verification import CHUNK
from domain.decisions import DecisionRecord, Facts
from domain.errors import Missing, Refused, Unavailable
from domain.ports import DecisionLog
from domain.scores import Decision, Reason, ScoreAnswer, VersionSet
from storage.engine import open_engine
from tests.ports.databases import both_databases

AT = 1_700_000_000_000_000
pytestmark = both_databases
Engines = Callable[[], sa.Engine]


@pytest.fixture
def trail(engines: Engines) -> AuditTrail:
    engine = engines()
    create_tables(engine)
    create_tables(engine)  # harmless to repeat
    return AuditTrail(engine)


def record(at: int = AT, lead: str = "lead_1", score: float = 0.5) -> DecisionRecord:
    features: dict[str, float | str | None] = {"recency_d": 3.0, "none": None}
    profile: dict[str, float | str | None] = {"country": "Österreich", "employees": 250.0}
    return DecisionRecord(
        decided_us=at,
        as_of_us=at,
        watermark_us=at,
        account_id="acct_1",
        features=(3.0, None),
        texts=("DE",),
        margin=0.1 + 0.2,
        rollout="",
        shadow={"m-2": 0.4},
        facts=Facts(
            score=score,
            percentile=90.0,
            grade="A",
            account_known=True,
            profile=profile,
            features=features,
        ),
        answer=ScoreAnswer(
            lead_id=lead,
            score=score,
            percentile=90.0,
            grade="A",
            reasons=(Reason(feature="recency_d", value=3.0, contribution=0.4, text="recent"),),
            decision=Decision(
                eligible=True,
                action="call",
                queue="sales",
                priority=1,
                next_best_action="call",
                rules=("r1",),
            ),
            versions=VersionSet(model="m-1", feature_service="s_v1", policy="p-1"),
            arm="champion",
            features_as_of="2026-01-01T00:00:00Z",
            staleness_s=1.5,
            degraded=False,
            decision_id=new_decision_id(at, os.urandom),
            trace_id="",
        ),
    )


def test_what_goes_in_comes_out_in_order(trail: AuditTrail) -> None:
    log: DecisionLog = trail
    made = [record(AT + n, f"lead_{n % 7}", 0.1 + n / 1000) for n in range(CHUNK + 3)]
    log.append(made[:5])
    log.append([])
    log.append(made[5:])
    assert list(log.records()) == made
    assert list(log.records(since_us=AT + 7)) == made[7:]
    assert list(log.records(since_us=AT + 10**9)) == []
    assert log.get(made[3].answer.decision_id) == made[3]
    assert trail.of_lead("lead_2", limit=1) == [
        [m for m in made if m.answer.lead_id == "lead_2"][-1]
    ]
    assert trail.verify() == TrailVerification(count=len(made), broken=None)
    with pytest.raises(Missing):
        log.get("none")


def test_all_or_none(trail: AuditTrail) -> None:
    first, second = record(), record()
    trail.append([first])
    with pytest.raises(Refused) as raised:
        trail.append([second, first])
    assert raised.value.rule == "decision-once"
    assert list(trail.records()) == [first]
    trail.append([second])
    assert trail.verify() == TrailVerification(count=2, broken=None)


def test_nan_features_are_kept_as_none(trail: AuditTrail) -> None:
    trail.append([one := msgspec.structs.replace(record(), features=(math.nan, 1.0))])
    assert trail.get(one.answer.decision_id).features == (None, 1.0)
    assert trail.verify().broken is None


def test_many_writers_make_one_chain(trail: AuditTrail, engines: Engines) -> None:
    each, per = 4, 12

    def write(own: AuditTrail) -> None:
        for n in range(per):
            own.append([record(AT + n)])

    writers = [Thread(target=write, args=(AuditTrail(engines()),)) for _ in range(each)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert trail.verify() == TrailVerification(count=each * per, broken=None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET score = 0",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 2",
    ],
)
def test_the_trail_refuses_to_be_changed(
    trail: AuditTrail, engines: Engines, statement: str
) -> None:
    trail.append([record(), record()])
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engines().begin() as connection:
        connection.exec_driver_sql(statement)
    assert trail.verify() == TrailVerification(count=2, broken=None)


def test_what_was_cut_off_is_noticed_with_an_anchor(trail: AuditTrail) -> None:
    trail.append([record() for _ in range(3)])
    head = trail.head()
    assert head is not None
    assert head.sequence == 3
    assert trail.verify(head).broken is None
    assert trail.verify(TrailHead(sequence=4, hash="0" * 64)).broken == 4
    assert trail.verify(TrailHead(sequence=3, hash="0" * 64)).broken == 3


def test_leads_by_their_newest_score(trail: AuditTrail) -> None:
    scores = {f"lead_{n}": n / 10 for n in range(6)}
    trail.append([record(AT, lead, 0.99) for lead in scores])
    trail.append([record(AT + 1, lead, score) for lead, score in scores.items()])
    trail.append([record(AT - 1, "lead_0", 1.0)])  # older: not its newest
    first = trail.latest(4)
    rest = trail.latest(4, after=first.cursor)
    found = [r.answer.lead_id for r in (*first.records, *rest.records)]
    assert found == [f"lead_{n}" for n in reversed(range(6))]
    assert rest.cursor is None
    assert [r.answer.lead_id for r in trail.latest(9, min_score=0.4).records] == [
        "lead_5",
        "lead_4",
    ]


def test_away_is_unavailable(engines: Engines) -> None:
    if engines().dialect.name == "sqlite":
        pytest.skip("a file is never away")
    engine = open_engine("postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
    calls: list[Callable[[], None]] = [
        lambda: create_tables(engine),
        lambda: AuditTrail(engine).append([record()]),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as raised:
            call()
        assert "secret" not in str(raised.value)
