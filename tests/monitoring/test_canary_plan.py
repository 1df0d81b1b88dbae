"""A plan says how many decisions a comparison takes: as many as simulated comparisons take."""

import msgspec
import numpy as np
import pytest

from monitoring.canary_plan import DailyTraffic, assumed_spread, planned, spread_of
from monitoring.canary_rule import load_rule
from tests.rehearsal.rollout_worlds import Challenger, Pair, World, draw
from tests.rehearsal.verdicts import judge, margin_of

RULE = load_rule()
RUNS = 120
A_DAY, RECORDED = 100, 5_000
ALONE = World("independent leads")
ACCOUNTS = World("leads correlated within accounts", together=1.0, size=5)


def stopping_times(world: World, challenger: Challenger, leads: int, wanted: set[str]) -> float:
    """The median number of leads until a verdict, over runs that are looked at once a day."""
    ends = []
    for seed in range(RUNS):
        end = judge(draw(world, challenger, leads, seed), world, RULE, A_DAY).ends
        ends.append(end[0] if end is not None and end[1] in wanted else np.inf)
    return float(np.median(ends))


def history(world: World, worse_by: float = 0.0) -> Pair:
    """What a home has recorded: decisions that a challenger scored too."""
    return draw(world, Challenger("recorded", worse_by=worse_by), RECORDED, 10**6)


@pytest.mark.parametrize(
    ("world", "worse_by", "case", "leads"),
    [
        (ALONE, 0.01, 2, 20_000),
        (ALONE, -0.01, 0, 20_000),
        (ALONE, 0.0, 1, 20_000),
        (ACCOUNTS, 0.01, 2, RECORDED),  # as many accounts as were recorded
    ],
)
def test_the_median_is_that_of_simulated_comparisons(
    world: World, worse_by: float, case: int, leads: int
) -> None:
    past = history(world, worse_by)
    spread = spread_of(past.difference, past.account)
    traffic = DailyTraffic(decisions=A_DAY, leads=A_DAY, accounts=50, rate=float(past.y.mean()))
    verdicts = planned(spread, traffic, RULE, margin_of(world, RULE), 0.01, 0.8, 30)
    wanted = {"worse"} if case == 2 else {"better", "no_worse"}
    simulated = stopping_times(world, Challenger("c", worse_by=worse_by), leads, wanted)
    plan = verdicts[case]
    assert plan.median is not None
    assert plan.median_days == pytest.approx(plan.median / A_DAY + 30)
    assert 1 / 1.3 <= plan.median / simulated <= 1.3, (plan.median, simulated)


def test_more_power_takes_longer_and_a_smaller_difference_too() -> None:
    past = history(ALONE)
    spread, margin = spread_of(past.difference, past.account), margin_of(ALONE, RULE)
    traffic = DailyTraffic(decisions=10, leads=10, accounts=10, rate=0.2)
    small, large = (planned(spread, traffic, RULE, margin, d, 0.9, 30)[2] for d in (0.008, 0.016))
    assert (small.median or np.inf) < (small.likely or 0)
    assert (large.median or np.inf) < (small.median or 0)
    within = planned(spread, traffic, RULE, margin, margin / 2, 0.8, 30)[2]
    assert within.median is None, "worse by less than the margin is seldom called worse"
    assert within.share < 0.5


def test_few_conversions_are_waited_for() -> None:
    past = history(ALONE)
    spread = spread_of(past.difference, past.account)
    rare = DailyTraffic(decisions=10, leads=10, accounts=10, rate=0.005)
    (better, _, _) = planned(spread, rare, RULE, 0.01, 0.1, 0.8, 30)
    assert better.median == pytest.approx(RULE.min_positives / 0.005, abs=10)


def test_an_account_counts_once() -> None:
    rng = np.random.default_rng(3)
    each = rng.normal(size=500)
    alone = spread_of(each, np.arange(500))
    fivefold = spread_of(np.repeat(each, 5), np.repeat(np.arange(500), 5))
    assert (alone.size, fivefold.size) == (1, 5)
    assert fivefold.variance == pytest.approx(5 * alone.variance, rel=0.01)


def test_what_was_not_measured_is_assumed_and_says_so() -> None:
    past = history(ALONE)
    unknown = np.where(np.arange(len(past.y)) % 2, past.y, np.nan)
    spread = assumed_spread(past.champion, unknown, past.account)
    assert spread.source.startswith("assumed: ")
    assert 0.005 < spread.variance**0.5 < 0.2
    assert msgspec.json.encode(DailyTraffic(decisions=1, leads=1, accounts=1, rate=0.1))
