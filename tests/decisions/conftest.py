"""Facts, records and an audit trail for the tests of this room."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from decisions.audit.decision_id import new_decision_id
from decisions.audit.tables import create_tables
from decisions.audit.trail import AuditTrail
from decisions.policy.policy import load_policy
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import DecisionRecord, Facts
from domain.scores import Decision, Reason, ScoreAnswer, VersionSet

POLICIES = Path(__file__).parents[2] / "decisions" / "policies"

MakeRecord = Callable[..., DecisionRecord]
MakeEngine = Callable[[Path], sa.Engine]


@pytest.fixture(scope="session")
def policies() -> Path:
    return POLICIES


@pytest.fixture(scope="session")
def standard() -> ZenPolicy:
    return load_policy(POLICIES / "standard.json")


@pytest.fixture(scope="session")
def generic() -> ZenPolicy:
    return load_policy(POLICIES / "generic.json")


def _facts(score: float, grade: str) -> Facts:
    return Facts(
        score=score,
        percentile=90.0,
        grade=grade,
        account_known=True,
        profile={"country": "DE", "employees": 250.0, "consent": "granted"},
        features={"recency_d": 3.0, "meeting_recency_d": None},
    )


def _answer(lead_id: str, score: float, grade: str, decision: Decision, at: int) -> ScoreAnswer:
    return ScoreAnswer(
        lead_id=lead_id,
        score=score,
        percentile=90.0,
        grade=grade,
        reasons=(Reason(feature="recency_d", value=3.0, contribution=0.4, text="recent"),),
        decision=decision,
        versions=VersionSet(model="m-1", feature_service="standard_v1", policy="standard-1"),
        arm="champion",
        features_as_of="2026-01-01T00:00:00Z",
        staleness_s=1.5,
        degraded=False,
        decision_id=new_decision_id(at, os.urandom),
        trace_id="",
    )


@pytest.fixture(scope="session")
def make_record(standard: ZenPolicy) -> MakeRecord:
    """A record whose answer is what the standard policy decides on its facts."""

    def make(at: int = 1_700_000_000_000_000, **given: Any) -> DecisionRecord:
        score = given.get("score", 0.5)
        facts = _facts(score, standard.grade(score))
        decision = standard.decide(facts)
        return DecisionRecord(
            decided_us=at,
            as_of_us=at,
            watermark_us=at,
            account_id="acct_1",
            features=(3.0, None),
            texts=("DE",),
            margin=0.0,
            rollout="",
            shadow={"m-2": 0.4},
            facts=facts,
            answer=_answer(given.get("lead_id", "lead_1"), score, facts.grade, decision, at),
        )

    return make


def connect(path: Path) -> sa.Engine:
    """An engine in WAL mode, synchronous NORMAL, that waits long for its turn."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


@pytest.fixture(scope="session")
def make_engine() -> MakeEngine:
    return connect


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def trail(database: Path) -> Iterator[AuditTrail]:
    engine = connect(database)
    create_tables(engine)
    yield AuditTrail(engine)
    engine.dispose()
