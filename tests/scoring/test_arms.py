"""Arms: uniform, sticky, unrelated between rollouts, growing one way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chi2_contingency, kstest

from registry.plan import Mode, RolloutPlan
from scoring.arms import assign, place

ACCOUNTS = [f"acct_{i:016x}" for i in range(100_000)]
weights = st.floats(0, 1)


def plan(weight: float, name: str = "one", mode: Mode = "canary") -> RolloutPlan:
    return RolloutPlan(
        id=name, champion="a-1", challenger="a-2", weight=weight, mode=mode, started="x"
    )


def test_the_share_is_the_weight_within_binomial_bounds() -> None:
    for weight in (0.01, 0.1, 0.5, 0.9):
        held = plan(weight, f"rollout-{weight}")
        count = sum(assign(account, held) == "challenger" for account in ACCOUNTS)
        low, high = binom.interval(1 - 1e-6, len(ACCOUNTS), weight)
        assert low <= count <= high


def test_places_are_uniform() -> None:
    places = [place(account, "one") for account in ACCOUNTS]
    assert min(places) >= 0
    assert max(places) < 1
    assert kstest(places, "uniform").pvalue > 1e-4


def test_two_rollouts_know_nothing_of_each_other() -> None:
    one, two = (
        np.array([assign(account, plan(0.3, name)) == "challenger" for account in ACCOUNTS])
        for name in ("one", "two")
    )
    table = [[np.sum((one == a) & (two == b)) for a in (False, True)] for b in (False, True)]
    assert chi2_contingency(table).pvalue > 1e-4


@given(st.text(), st.text(), weights)
def test_an_account_stays_in_its_arm(account: str, name: str, weight: float) -> None:
    assert assign(account, plan(weight, name)) == assign(account, plan(weight, name))


@given(st.text(), weights, weights)
def test_a_growing_weight_moves_accounts_into_the_challenger_only(
    account: str, one: float, two: float
) -> None:
    if assign(account, plan(min(one, two))) == "challenger":
        assert assign(account, plan(max(one, two))) == "challenger"


@given(st.text())
def test_the_ends(account: str) -> None:
    assert assign(account, plan(0.0)) == "champion"
    assert assign(account, plan(1.0)) == "challenger"
    assert assign(account, plan(1.0, mode="shadow")) == "champion"
    assert assign(account, None) == "champion"
