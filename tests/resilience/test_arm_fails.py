"""A challenger that fails harms nobody: the champion answers for it. A champion is not hidden."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from catboost import Pool

from config.settings import Settings
from domain.decisions import Facts, PolicyQuestion
from domain.ports import Policy
from domain.scores import Decision, ScoreAnswer
from domain.state import Matrix
from jobs.decisions.replay_decision import replay
from monitoring.rollout_figures import arm_figures
from registry.rollout_state import Rollout
from scoring.answer import Ports, ScoringService
from scoring.live_models import Live, Loaded, PinnedVersions
from scoring.live_policy import LivePolicies
from scoring.model.scorer import Scored, Scorer
from scoring.pending_answers import AnswerOrError
from tests.resilience.conftest import lead_ids
from wiring.scoring import Scoring, open_scoring

LEADS = 40


class Failing(Scorer):
    """A version that opened well and fails when it scores."""

    def __init__(self, whole: Scorer) -> None:
        self.__dict__.update(whole.__dict__)

    def score(
        self, numbers: Matrix, texts: Sequence[Sequence[str]], pool: Pool | None = None
    ) -> Scored:
        raise RuntimeError("secret of a lead")


class FailingPolicy:
    """A policy that opened well and fails when it decides."""

    def __init__(self, whole: Policy, label: str) -> None:
        self.label, self.looks_at, self.grades = label, whole.looks_at, whole.grades
        self.grade = whole.grade

    def decide(self, facts: Facts) -> Decision:
        raise RuntimeError("secret of a lead")


@pytest.fixture
def scoring(own_home: Settings) -> Scoring:
    return open_scoring(own_home)


def failing(loaded: Loaded) -> Loaded:
    return replace(loaded, scorer=Failing(loaded.scorer))


def asking(scoring: Scoring, **ports: object) -> tuple[ScoringService, list[PolicyQuestion]]:
    held: Ports = replace(scoring.ports, **ports)  # type: ignore[arg-type]
    asked = [PolicyQuestion(lead_id=i) for i in lead_ids(scoring, LEADS)]
    return ScoringService(scoring.plane.definition, held), asked


def answers(told: Sequence[AnswerOrError]) -> list[ScoreAnswer]:
    assert all(isinstance(one, ScoreAnswer) for one in told), told
    return [one for one in told if isinstance(one, ScoreAnswer)]


def test_a_challenger_model_that_fails_is_answered_for_and_rolled_back_by_its_limits(
    own_home: Settings, scoring: Scoring, caplog: pytest.LogCaptureFixture
) -> None:
    live = scoring.versions.current()
    assert live.challenger is not None
    assert live.rollout is not None
    broken = Live(live.champion, failing(live.challenger), live.rollout)
    answerer, asked = asking(scoring, versions=PinnedVersions(broken))
    with caplog.at_level(logging.WARNING):
        told = answers(answerer.answer(asked)) + answers(answerer.answer(asked))
    meant = {a.arms.model: a for a in told}
    assert set(meant) == {"champion", "challenger"}
    for answer in told:
        record = scoring.trail.get(answer.decision_id)
        failed = answer.arms.model == "challenger"
        assert record.assigned[0].arm == answer.arms.model, "which arm was meant is kept"
        assert answer.versions.model == live.champion.scorer.label
        assert answer.degraded_by in ({"arm-failed"} if failed else {"", "inputs"})
        assert record.shadow == {}
    for answer in meant.values():
        assert replay(own_home, answer.decision_id) == []
    assert [r.message for r in caplog.records if "fails" in r.message] == [
        f"{live.challenger.scorer.label} fails, the champion answers for it: RuntimeError"
    ]
    assert "secret" not in caplog.text
    records = [scoring.trail.get(a.decision_id) for a in told]
    assert arm_figures(records, live.rollout).degraded == 1.0, "its limits see it"


def test_a_champion_model_that_fails_is_not_hidden_by_a_challenger(scoring: Scoring) -> None:
    live = scoring.versions.current()
    broken = Live(failing(live.champion), live.challenger, live.rollout)
    answerer, asked = asking(scoring, versions=PinnedVersions(broken))
    assert {type(one) for one in answerer.answer(asked)} == {RuntimeError}
    assert list(scoring.trail.records()) == []


def policies(scoring: Scoring, champion: Policy, challenger: Policy) -> LivePolicies:
    model = scoring.versions.current().rollout
    assert model is not None
    plan: Rollout = msgspec.structs.replace(
        model, id="policies", kind="policy", champion=champion.label, challenger=challenger.label
    )
    return LivePolicies(champion, challenger, plan)


def test_a_challenger_policy_that_fails_is_answered_for(
    own_home: Settings, scoring: Scoring
) -> None:
    whole = scoring.policy().champion
    held = policies(scoring, whole, FailingPolicy(whole, "broken-2"))
    answerer, asked = asking(scoring, policy=lambda: held)
    told = answers(answerer.answer(asked))
    assert {a.arms.policy for a in told} == {"champion", "challenger"}
    for answer in told:
        assert answer.versions.policy == whole.label
        failed = answer.arms.policy == "challenger"
        assert answer.degraded_by in ({"arm-failed"} if failed else {"", "inputs"})
    assert replay(own_home, told[0].decision_id) == []


def test_a_champion_policy_that_fails_is_not_hidden_by_a_challenger(scoring: Scoring) -> None:
    whole = scoring.policy().champion
    held = policies(scoring, FailingPolicy(whole, "broken-1"), whole)
    answerer, asked = asking(scoring, policy=lambda: held)
    assert {type(one) for one in answerer.answer(asked)} == {RuntimeError}
