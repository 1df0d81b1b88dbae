"""Arms: uniform, sticky, unrelated between rollouts, growing one way."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, chi2_contingency, kstest

from domain.bucketing import bucket
from domain.scores import Arms
from registry.rollout_state import Mode, Rollout, arm_at
from scoring.assignment import Plans, assign, assign_all

N = 1_000_000
weights = st.floats(0, 1)


def plan(weight: float, name: str = "one", mode: Mode = "canary", holdout: float = 0.0) -> Rollout:
    return Rollout(
        id=name,
        champion="a-1",
        challenger="a-2",
        weight=weight,
        mode=mode,
        started="x",
        holdout=holdout,
    )


@cache
def places(name: str) -> NDArray[np.float64]:
    """Where a million accounts fall."""
    return np.fromiter((bucket(f"acct_{i:016x}", name) for i in range(N)), np.float64, N)


def arms(name: str, weight: float, holdout: float) -> NDArray[np.str_]:
    found = np.full(N, "champion", dtype="U10")
    found[places(name) < weight] = "challenger"
    found[places(name) >= 1.0 - holdout] = "holdout"
    return found


def test_the_arms_of_a_sample_are_those_of_the_million() -> None:
    held = arms("one", 0.3, 0.1)
    for i in range(0, N, 97):
        account = f"acct_{i:016x}"
        assert assign(account, plan(0.3, "one", holdout=0.1)) == held[i]


def test_a_million_accounts_fall_uniformly() -> None:
    held = places("one")
    assert held.min() >= 0
    assert held.max() < 1
    assert kstest(held, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("holdout", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("weight", [0.01, 0.05, 0.2, 0.5, 0.9])
def test_the_shares_are_within_binomial_bounds(weight: float, holdout: float) -> None:
    found = arms("one", weight, holdout)
    for arm, share in (("challenger", weight), ("holdout", holdout)):
        low, high = binom.interval(1 - 1e-6, N, share)
        assert low <= np.sum(found == arm) <= high


def test_two_rollouts_know_nothing_of_each_other() -> None:
    one, two = arms("one", 0.3, 0.1), arms("two", 0.05, 0.2)
    names = ("champion", "challenger", "holdout")
    table = [[np.sum((one == a) & (two == b)) for a in names] for b in names]
    assert np.sum(table) == N
    assert chi2_contingency(table).pvalue > 1e-4


def test_a_place_in_a_rollout_says_nothing_of_the_draw_in_its_holdout() -> None:
    from decisions.policy.holdout import SALT

    held = np.array([bucket(f"acct_{i:016x}", SALT + "one") for i in range(100_000)])
    inside = held[places("one")[:100_000] >= 0.9]
    assert kstest(inside, "uniform").pvalue > 1e-4


@given(st.text(max_size=20), st.text(max_size=20), weights)
def test_an_account_stays_in_its_arm(account: str, name: str, weight: float) -> None:
    assert assign(account, plan(weight, name)) == assign(account, plan(weight, name))


@st.composite
def growths(draw: st.DrawFn) -> tuple[str, Rollout, Rollout]:
    """A plan before and after its weight, its holdout or both grew."""
    shares = st.floats(0, 1)
    weight = draw(shares)
    holdout = draw(st.floats(0, 1 - weight))
    before = plan(weight * draw(shares), holdout=holdout * draw(shares))
    return draw(st.text()), before, plan(weight, holdout=holdout)


@given(growths())
def test_who_moves_when_an_arm_grows_moves_into_it(
    grown: tuple[str, Rollout, Rollout],
) -> None:
    account, before, after = grown
    was, now = assign(account, before), assign(account, after)
    if was != now:
        assert was == "champion"
        assert now == "challenger" or after.holdout > before.holdout
        assert now == "holdout" or after.weight > before.weight


def test_of_a_million_nobody_moves_but_into_the_growing_arm() -> None:
    steps = [(0.0, 0.05), (0.05, 0.05), (0.2, 0.05), (0.5, 0.05), (0.5, 0.1), (0.9, 0.1)]
    held = [arms("one", *step) for step in steps]
    for (weight, _), (grown, _), was, now in zip(steps, steps[1:], held, held[1:], strict=False):
        moved = was != now
        assert moved.any()
        assert set(was[moved]) == {"champion"}
        assert set(now[moved]) == {"challenger" if grown > weight else "holdout"}


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(["canary", "blue_green", "shadow"]))
def test_the_ends(at: float, mode: Mode) -> None:
    assert arm_at(at, mode, 0.0, 0.0) == "champion"
    assert arm_at(at, mode, 1.0, 0.0) == ("champion" if mode == "shadow" else "challenger")
    assert arm_at(at, mode, 0.0, 1.0) == "holdout"


def test_no_plan_is_no_arm() -> None:
    assert assign("anyone", None) == "champion"
    assert assign_all("anyone", Plans()).each == ()


@given(st.text(max_size=9), weights, weights, weights)
def test_all_that_is_under_way_is_told(account: str, one: float, two: float, three: float) -> None:
    model = plan(one / 2, "m", holdout=one / 2)
    policy, holdout = plan(two, "p"), plan(0.0, "h", "holdout", three)
    found = assign_all(account, Plans(model, policy, holdout))
    each = {a.rollout: a for a in found.each}
    assert each["m"].arm == assign(account, model) == found.arms.model
    assert each["h"].arm == assign(account, holdout)
    if each["h"].arm == "holdout":
        assert found.arms.policy == "holdout"
        assert "p" not in each, "who is in the standing holdout is in no rollout of policies"
    else:
        assert found.arms.policy == each["p"].arm == assign(account, policy)
    drawn = [a.rollout for a in found.each if a.arm == "holdout"]
    assert found.drawn_by == (drawn[0] if drawn else "")
    assert (found.arm == "holdout") == bool(drawn)
    if found.arms == Arms():
        assert found.arm == "champion"
    assert found.version == ("challenger" if found.arms.model == "challenger" else "champion")
