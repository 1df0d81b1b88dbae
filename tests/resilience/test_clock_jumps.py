"""The wall clock jumps ahead and back: ages are never negative, ids are unique, the trail holds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from config.settings import Settings
from domain.clock import FixedClock, from_us
from domain.findings import QualityFindings
from feature_repo.catalogue import number_names
from scoring.answer import ScoringService
from scoring.model.input_gate import Gates
from tests.resilience.conftest import lead_ids
from wiring.scoring import Scoring, open_scoring

JUMPS = (timedelta(0), timedelta(days=400), timedelta(days=-400), timedelta(hours=-1), timedelta(0))


@pytest.fixture
def scoring(own_home: Settings) -> Scoring:
    return open_scoring(own_home)


def test_whatever_the_clock_says_answers_are_sound(scoring: Scoring) -> None:
    start = scoring.clock.now()
    clock, leads = FixedClock(start), lead_ids(scoring, 20)
    answerer = ScoringService(scoring.plane.definition, replace(scoring.ports, clock=clock))
    told = []
    for jump in JUMPS:
        clock.moment = start + jump
        told.append(answerer.score(leads))
    every = [a for one in told for a in one]
    assert all(a.staleness_s >= 0 for a in every)
    assert all(0 < a.score < 1 for a in every)
    assert len({a.decision_id for a in every}) == len(every)
    assert [a.score for a in told[0]] == [a.score for a in told[-1]], "nothing stays of a jump"
    assert scoring.trail.verify().broken is None
    assert scoring.trail.verify().count == len(every)
    names = number_names(scoring.plane.definition)
    for answer in every:
        held = dict(zip(names, scoring.trail.get(answer.decision_id).features, strict=True))
        ages = [v for n, v in held.items() if n.endswith("_d") and v is not None]
        assert min(ages, default=0.0) >= 0


def test_a_watermark_far_ahead_of_the_clock_is_flagged(scoring: Scoring) -> None:
    findings, at = QualityFindings(), from_us(scoring.plane.directory.watermark_us())
    for back, flagged in ((timedelta(hours=1), False), (timedelta(days=2), True)):
        ports = replace(scoring.ports, clock=FixedClock(at - back), gates=Gates(findings=findings))
        answers = ScoringService(scoring.plane.definition, ports).score(lead_ids(scoring, 3))
        assert all((a.degraded_by == "features") == flagged for a in answers)
    assert "watermark-ahead" in {f.rule for f in findings.counts()}


def test_ids_of_one_moment_are_unique(scoring: Scoring) -> None:
    clock, leads = FixedClock(scoring.clock.now()), lead_ids(scoring, 50)
    answerer = ScoringService(scoring.plane.definition, replace(scoring.ports, clock=clock))
    every = [a.decision_id for _ in range(4) for a in answerer.score(leads)]
    assert len(set(every)) == 200
