"""The true probabilities: against another way to compute them, and against what came true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulation.intent import TRANSITION, hazards, win_probability
from simulation.scenarios import SCENARIOS
from simulation.seasons import calendar
from simulation.simulator import START, simulate
from simulation.vocabulary import LEVELS, SimulatedKind

SCENARIO = SCENARIOS["drift"]
DATES = calendar(START, 90, SCENARIO)


def forward(fit: float, day: int, level: int, horizon: int) -> float:
    """The same chance, by carrying the mass of undecided leads forward day by day."""
    risk = hazards(np.array([fit]), DATES, SCENARIO)
    mass = np.eye(LEVELS)[level]
    total = 0.0
    for later in range(day, day + horizon):
        win, loss = risk.win(later)[0], risk.loss(later)
        decided = mass * -np.expm1(-win - loss)
        total += float((decided * win / (win + loss)).sum())
        mass = (mass - decided) @ TRANSITION
    return total


@settings(max_examples=50, deadline=None)
@given(
    fit=st.floats(0.1, 5.0),
    day=st.integers(0, 90),
    level=st.integers(0, LEVELS - 1),
    horizon=st.integers(1, 30),
)
def test_backward_recursion_equals_forward_mass(
    fit: float, day: int, level: int, horizon: int
) -> None:
    risk = hazards(np.array([fit]), DATES, SCENARIO)
    told = win_probability(risk, day, np.array([level], dtype=np.int8), horizon)
    assert told[0] == pytest.approx(forward(fit, day, level, horizon), rel=1e-9)


def test_transitions_are_a_chain_that_stays_for_weeks() -> None:
    assert TRANSITION.sum(axis=1) == pytest.approx(1.0)
    assert (TRANSITION >= 0).all()
    assert (np.diag(TRANSITION) > 1 - 1 / 21).all()


def outcomes(leads: int, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Chances and what came true, at cutoffs whose horizons do not overlap.

    Their differences are then uncorrelated, also those of one person, and binomial bounds hold.
    """
    made = simulate(leads, 11, SCENARIOS[name], every_days=30)
    good, truth = made.deliveries.good, made.truth
    wins = good[good["kind"] == SimulatedKind.WON]
    day = np.full(made.world.people, -1)
    day[wins["person"]] = (wins["time"] - made.calendar.start_ms) // 86_400_000
    whole = truth.day + 30 <= made.calendar.days
    person, cutoff = truth.person[whole], truth.day[whole]
    won = (day[person] >= cutoff) & (day[person] < cutoff + 30)
    return truth.probability[whole], won


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_chances_are_calibrated_against_what_came_true(name: str) -> None:
    chance, won = outcomes(3000, name)
    edges = np.quantile(chance, np.linspace(0, 1, 11)[1:-1])
    for part in range(10):
        mine = np.searchsorted(edges, chance) == part
        expected = chance[mine].sum()
        deviation = np.sqrt((chance[mine] * (1 - chance[mine])).sum())
        assert abs(won[mine].sum() - expected) < 4 * deviation + 1


def test_chances_tell_winners_from_others_about_as_well_as_in_the_field() -> None:
    chance, won = outcomes(3000, "steady")
    rank = np.argsort(np.argsort(chance)) + 1
    n = int(won.sum())
    area = (rank[won].sum() - n * (n + 1) / 2) / (n * (len(won) - n))
    assert 0.78 < area < 0.87
    assert 0.05 < won.mean() < 0.12
