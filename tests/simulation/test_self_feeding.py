"""A loop of scores and actions: with marks the pipeline stays calibrated, without it does not."""

import numpy as np
import pytest
from catboost import CatBoostClassifier

from measures.calibration_error import calibration_error
from measures.observed_expected import came_by_told
from monitoring.value.self_feeding import SelfFeeding, self_feeding
from simulation.self_feeding_leads import self_feeding_leads
from tests.conftest import ROOT, SOAK
from tests.simulation.feeding_loop import Looped, learnt, looped, picture

LEADS = 2_000
RUNS = 100 if SOAK else 4


@pytest.fixture(scope="module")
def model() -> CatBoostClassifier:
    return learnt(2_500, 1)


@pytest.fixture(scope="module")
def loops(model: CatBoostClassifier) -> tuple[Looped, Looped]:
    return looped(model, LEADS, 2, marked=True), looped(model, LEADS, 2, marked=False)


def watched(loop: Looped, seed: int) -> SelfFeeding:
    """What the alarm says of a loop whose leads were all decided about again."""
    n = len(loop.leads)
    return self_feeding(
        loop.score,
        loop.outcomes(seed),
        loop.worked,
        loop.chance,
        np.ones(n, dtype=bool),
        np.arange(n),
    )


def test_the_marked_pipeline_stays_calibrated(loops: tuple[Looped, Looped]) -> None:
    marked, _ = loops
    came = came_by_told(marked.outcomes(0), marked.score)
    assert came.low < 1 < came.high
    assert calibration_error(marked.outcomes(0), marked.score).value < 0.03
    assert not watched(marked, 0).alarm


def test_the_unmarked_one_does_not(loops: tuple[Looped, Looped]) -> None:
    _, unmarked = loops
    came = came_by_told(unmarked.outcomes(0), unmarked.score)
    assert came.high < 0.7
    assert calibration_error(unmarked.outcomes(0), unmarked.score).low > 0.1
    assert watched(unmarked, 0).alarm


def test_both_began_alike(loops: tuple[Looped, Looped]) -> None:
    """What leads do of themselves, and the first scores, are the same."""
    marked, unmarked = loops
    assert marked.told[0] == unmarked.told[0]
    assert (marked.worked == unmarked.worked).all()
    days = [self_feeding_leads(50, 3, marked=m).day(4, [True] * 50) for m in (True, False)]
    assert [(n, s.id, s.time) for n, s in days[0]] == [(n, s.id, s.time) for n, s in days[1]]
    assert {s.actionid for _, s in days[1]} == {None}
    assert {bool(s.actionid) for _, s in days[0]} == {True, False}


def test_the_alarm_tells_both_apart_in_every_run(model: CatBoostClassifier) -> None:
    """At most 5% of marked runs raise an alarm; every unmarked one does."""
    raised = dict.fromkeys((True, False), 0)
    for seed in range(10, 10 + RUNS):
        for marked in raised:
            raised[marked] += watched(looped(model, LEADS, seed, marked=marked), seed).alarm
    assert raised[True] <= 0.05 * RUNS
    assert raised[False] == RUNS


def test_the_picture_of_the_page_is_of_these_loops(loops: tuple[Looped, Looped]) -> None:
    shown = (ROOT / "docs" / "pictures" / "value-feedback.svg").read_text()
    assert picture(*loops) == shown
