"""The rehearsal of verdicts: few are wrong, and what is broken is found soon."""

import numpy as np
import pytest

from monitoring.canary_rule import load_rule
from tests.conftest import SOAK
from tests.rehearsal.delays import DELAYS, Delay, rollout, told_apart
from tests.rehearsal.rollout_worlds import Challenger, World, draw
from tests.rehearsal.verdicts import (
    BATCH,
    CHALLENGERS,
    LEADS,
    LONG,
    WORLDS,
    fixed_size,
    judge,
    margin_of,
    traffic_of,
)

RULE = load_rule()
RUNS = LONG if SOAK else 60
ALLOWED = 0.05 if SOAK else 0.15
"""Of 60 rollouts of which 5% are wrong, more than 9 are in one of 2,000 cases."""


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_equal_versions_are_seldom_told_apart(world: World) -> None:
    runs = [judge(draw(world, Challenger("equal"), LEADS, s), world, RULE) for s in range(RUNS)]
    wrong = np.mean([run.first("worse", "better") is not None for run in runs])
    assert wrong <= ALLOWED < np.mean([run.fixed.any() for run in runs])


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_one_that_is_worse_by_the_margin_seldom_passes(world: World) -> None:
    worse = Challenger("worse", worse_by=margin_of(world, RULE))
    runs = [judge(draw(world, worse, LEADS, s), world, RULE) for s in range(RUNS)]
    assert np.mean([run.first("better", "no_worse") is not None for run in runs]) <= ALLOWED


@pytest.mark.parametrize(("challenger", "wanted"), CHALLENGERS, ids=lambda one: str(one)[:40])
def test_what_is_so_is_found_soon(challenger: Challenger, wanted: tuple[str, ...]) -> None:
    ends = [judge(draw(WORLDS[0], challenger, LEADS, s), WORLDS[0], RULE).ends for s in range(25)]
    right = [end[0] for end in ends if end is not None and end[1] in wanted]
    assert len(right) == len(ends)
    planned = fixed_size(WORLDS[0], challenger)
    assert np.median(right) <= 1.6 * planned + BATCH, "one looks after every batch"
    if "worse" in wanted and challenger.broken:
        assert traffic_of(float(np.median(right))) < 0.02


@pytest.mark.parametrize("delay", DELAYS, ids=lambda delay: delay.name)
def test_what_converts_early_does_not_count_first(delay: Delay) -> None:
    runs = 1_000 if SOAK else 20
    pairs = [told_apart(rollout(WORLDS[0], delay, seed), delay, RULE) for seed in range(runs)]
    ours, naive = np.mean(pairs, axis=0)
    assert ours <= ALLOWED < naive
