"""Many who ask at once: each is told its own, and a key is answered once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import msgspec
import pytest

from config.settings import Settings
from domain.decisions import DecisionRecord, Facts, PolicyQuestion, RequestKey
from domain.errors import BadConfiguration, BadInput, Unavailable, UnknownLead
from domain.ports import Policy
from domain.scores import Decision, ScoreAnswer
from scoring.answer import ScoringService
from scoring.live_policy import LivePolicies
from scoring.pending_answers import AnswerOrError
from wiring.scoring import Scoring, open_scoring


@pytest.fixture
def scoring(own_home: Settings) -> Scoring:
    return open_scoring(own_home)


def ids(scoring: Scoring, count: int) -> list[str]:
    return [str(ref.lead_id) for ref in islice(scoring.plane.directory.all(), count)]


def once(lead: str, key: str, asked: str = "a") -> PolicyQuestion:
    return PolicyQuestion(lead_id=lead, request=RequestKey(key=key, asked=asked))


def said(told: AnswerOrError) -> ScoreAnswer:
    assert isinstance(told, ScoreAnswer), told
    return told


def test_together_is_what_each_would_be_told_alone(scoring: Scoring) -> None:
    leads = ids(scoring, 9)
    asked = [PolicyQuestion(lead_id=one) for one in leads]
    asked[4:4] = [
        PolicyQuestion(lead_id="lead_none"),
        PolicyQuestion(identifiers={"crm_id": "nobody's"}),
    ]
    together = scoring.answerer.answer(asked)
    alone = [scoring.answerer.answer([one])[0] for one in asked]
    for a, lone in zip(together, alone, strict=True):
        if isinstance(a, Exception):
            assert isinstance(lone, UnknownLead)
            continue
        b = said(lone)
        same = msgspec.structs.replace(
            b, decision_id=a.decision_id, score=a.score, reasons=a.reasons, percentile=a.percentile
        )
        assert a == same
        assert (a.score, a.percentile) == pytest.approx((b.score, b.percentile), abs=1e-12)
        assert [r.text for r in a.reasons] == [r.text for r in b.reasons]
    assert [type(one) for one in together[4:6]] == [UnknownLead] * 2
    assert scoring.trail.verify().broken is None


def test_a_lead_found_by_identifiers_is_the_lead(scoring: Scoring) -> None:
    for lead in ids(scoring, 5):
        ref = scoring.plane.directory.resolve(lead)
        assert scoring.plane.directory.known([lead, "lead_0", lead]).leads == [ref, None, ref]


class Choosy:
    """A policy that cannot decide on one score."""

    def __init__(self, policy: Policy, score: float) -> None:
        self._policy = policy
        self._score = score
        self.label, self.looks_at, self.grades = policy.label, policy.looks_at, policy.grades
        self.grade = policy.grade

    def decide(self, facts: Facts) -> Decision:
        if facts.score == self._score:
            raise BadConfiguration("it cannot", rule="policy-evaluates")
        return self._policy.decide(facts)


def test_one_that_cannot_be_answered_spoils_no_other(scoring: Scoring) -> None:
    leads = ids(scoring, 6)
    scores = [
        said(one).score
        for one in scoring.answerer.answer([PolicyQuestion(lead_id=i) for i in leads])
    ]
    policy = scoring.policy().champion
    choosy = replace(scoring.ports, policy=lambda: LivePolicies(Choosy(policy, scores[2])))
    told = ScoringService(scoring.plane.definition, choosy).answer(
        [PolicyQuestion(lead_id=i) for i in leads]
    )
    bad = [i for i, one in enumerate(told) if isinstance(one, Exception)]
    assert set(bad) == {i for i, score in enumerate(scores) if score == scores[2]}
    assert all(isinstance(told[i], BadConfiguration) for i in bad)


def test_a_key_is_answered_once(scoring: Scoring) -> None:
    one, other = ids(scoring, 2)
    first = scoring.answerer.answer([once(one, "k")])
    again = scoring.answerer.answer(
        [once(other, "k2"), once(one, "k"), PolicyQuestion(lead_id=one)]
    )
    assert again[1] == first[0]
    assert said(again[2]).decision_id != said(first[0]).decision_id
    (reused,) = scoring.answerer.answer([once(other, "k", "b")])
    assert isinstance(reused, BadInput)
    assert reused.rule == "idempotency-key"
    assert len(list(scoring.trail.records())) == 3


def test_a_key_twice_at_once_is_answered_once(scoring: Scoring) -> None:
    (one,) = ids(scoring, 1)
    told = scoring.answerer.answer([once(one, "k"), once(one, "k"), once(one, "k", "b")])
    assert told[0] == told[1]
    assert isinstance(told[2], BadInput)
    assert len(list(scoring.trail.records())) == 1


def test_processes_that_are_asked_the_same_at_once_tell_the_same(own_home: Settings) -> None:
    each = [open_scoring(own_home) for _ in range(3)]
    leads = ids(each[0], 12)
    asked = [once(lead, f"k{n}") for n, lead in enumerate(leads)]

    def ask(scoring: Scoring) -> Sequence[AnswerOrError]:
        return scoring.answerer.answer([*asked, PolicyQuestion(lead_id=leads[0])])

    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(ask, each))
    assert told[0][:-1] == told[1][:-1] == told[2][:-1]
    records: list[DecisionRecord] = list(each[0].trail.records())
    assert len([r for r in records if r.request is not None]) == len(asked)
    assert each[0].trail.verify().broken is None


class Away:
    """A log that does not take anything."""

    def append(self, _: Sequence[DecisionRecord]) -> None:
        raise Unavailable("away", rule="audit-available")


def test_nothing_is_answered_that_is_not_recorded(scoring: Scoring) -> None:
    ports = replace(scoring.ports, log=Away())  # type: ignore[arg-type]
    told = ScoringService(scoring.plane.definition, ports).answer(
        [PolicyQuestion(lead_id=i) for i in ids(scoring, 3)]
    )
    assert [type(one) for one in told] == [Unavailable] * 3
