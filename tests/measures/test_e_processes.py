"""Evidence that may be read at any time: as another library has it, and seldom wrong."""

import math

import numpy as np
import pytest
import ville
from hypothesis import given
from hypothesis import strategies as st

from measures.calibration_alarm import calibration_evidence
from measures.e_processes import betting_e_process, log_mean, restarted
from measures.logrank import HAZARD_RATIOS, logrank_e_process, risk_sets

PROOF = math.log(20)


@pytest.mark.parametrize(("mine", "theirs"), [("below", "less"), ("above", "greater")])
def test_bets_are_villes(mine: str, theirs: str) -> None:
    values = np.random.default_rng(1).uniform(-1, 1, 3000) * 0.4
    found = betting_e_process(values, null=0.02, lower=-1, upper=1, alternative=mine)  # type: ignore[arg-type]
    other = ville.BettingTest(0.02, bounds=(-1, 1), alternative=theirs).fit(values)
    np.testing.assert_allclose(found, other.log_e_values_, rtol=0, atol=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.integers(1, 7))
def test_a_restarted_process_is_the_mixture_of_all_that_begin(
    factors: list[float], every: int
) -> None:
    found = restarted(factors, every)
    for t in range(1, len(factors) + 1):
        begun = range(1, (t - 1) // every + 2)
        wealth = sum(math.exp(sum(factors[(j - 1) * every : t])) / (j * (j + 1)) for j in begun)
        wealth += 1 / (len(begun) + 1)
        assert found[t - 1] == pytest.approx(math.log(wealth))


def test_the_mean_of_evidence_is_evidence() -> None:
    assert np.exp(log_mean(np.log([[1.0, 2.0], [3.0, 4.0]]))).tolist() == pytest.approx([2, 3])


def test_risk_sets_are_as_counted_one_by_one() -> None:
    random = np.random.default_rng(2)
    entered = random.integers(0, 40, 200)
    left = entered + random.integers(0, 30, 200)
    won, arm = random.random(200) < 0.4, random.random(200) < 0.3
    found = risk_sets(entered, left, won, arm)
    order = [i for i in np.argsort(left, kind="stable") if won[i] and left[i] > entered[i]]
    assert found.challenger.tolist() == [bool(arm[i]) for i in order]
    for place, i in enumerate(order):
        gone = order[:place]
        at_risk = [k for k in range(200) if entered[k] < left[i] <= left[k] and k not in gone]
        assert found.at_risk[place] == len(at_risk)
        assert found.at_risk_challenger[place] == sum(arm[at_risk])
    with pytest.raises(ValueError, match="before it enters"):
        risk_sets([2], [1], [True], [True])


def test_logrank_evidence_is_a_product_of_likelihood_ratios() -> None:
    sets = risk_sets([0, 0, 0], [1, 2, 9], [True, True, False], [True, False, False])
    expected = np.mean(
        [(h / (h + 2) / (1 / 3)) for h in HAZARD_RATIOS]
    )  # the challenger's only unit goes first; after it nothing can be learnt
    found = np.exp(logrank_e_process(sets))
    assert found.tolist() == pytest.approx([expected, expected])
    slower = np.exp(logrank_e_process(sets, faster=False))
    assert slower[0] == pytest.approx(np.mean([1 / (1 + 2 * h) * 3 for h in HAZARD_RATIOS]))


def routed(seed: int, ratio: float, share: float = 0.2) -> tuple[np.ndarray, ...]:
    """Accounts that come over two months, and convert within thirty days or don't."""
    random = np.random.default_rng(seed)
    entered = random.integers(0, 60 * 24, 3000)
    arm = random.random(3000) < share
    waits = random.exponential(150 * 24, 3000) / np.where(arm, ratio, 1.0)
    left = entered + np.minimum(np.ceil(waits), 30 * 24).astype(np.int64)
    return entered, left, waits < 30 * 24, arm


def test_the_logrank_test_is_seldom_wrong_and_finds_what_is_there() -> None:
    equal = [risk_sets(*routed(seed, 1.0)) for seed in range(300)]
    wrong = [max(logrank_e_process(one, faster=f).max() for f in (True, False)) for one in equal]
    assert np.mean(np.array(wrong) > math.log(40)) <= 0.05, "either side at half the level"
    better = [logrank_e_process(risk_sets(*routed(seed, 1.8))) for seed in range(100)]
    assert np.mean([one.max() > PROOF for one in better]) > 0.95
    worse = [logrank_e_process(risk_sets(*routed(seed, 0.8)), null=0.8) for seed in range(200)]
    assert np.mean([one.max() > PROOF for one in worse]) <= 0.05, "worse by just the margin"


def told(seed: int, shift: float, together: float, rows: int = 9000) -> tuple[np.ndarray, ...]:
    """Results, what was said of them, and accounts; after a third log-odds shift by so much."""
    random = np.random.default_rng(seed)
    account = random.integers(0, 4000, rows)
    seen = random.normal(-1.5, 1.0, rows)
    points, weights = np.polynomial.hermite_e.hermegauss(15)
    said = (1 / (1 + np.exp(-(seen[:, None] + together * points)))) @ (weights / weights.sum())
    truth = seen + together * random.normal(size=4000)[account]
    truth = truth + np.where(np.arange(rows) > rows // 3, shift, 0.0)
    return random.random(rows) < 1 / (1 + np.exp(-truth)), said, account


@pytest.mark.parametrize("together", [0.0, 1.0])
def test_a_calibrated_model_is_seldom_alarmed_of(together: float) -> None:
    worlds = [told(seed, 0.0, together, 3000) for seed in range(120)]
    for tolerance in (1.25, 1.0):
        found = [calibration_evidence(*one, tolerance=tolerance).either.max() for one in worlds]
        assert np.mean(np.array(found) > PROOF) <= 0.05


@pytest.mark.parametrize(("shift", "side"), [(0.7, "more"), (-0.9, "fewer")])
def test_a_shift_is_found_and_its_side_named(shift: float, side: str) -> None:
    found = [calibration_evidence(*told(seed, shift, 0.5)) for seed in range(40)]
    assert np.mean([getattr(one, side).max() > PROOF for one in found]) > 0.9
    other = {"more": "fewer", "fewer": "more"}[side]
    assert np.mean([getattr(one, other).max() > PROOF for one in found]) <= 0.05


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        betting_e_process([2.0], null=0.0, lower=-1, upper=1, alternative="above")
    with pytest.raises(ValueError, match="null"):
        betting_e_process([0.0], null=1.0, lower=-1, upper=1, alternative="above")
    with pytest.raises(ValueError, match="every"):
        restarted([0.0], 0)
    with pytest.raises(ValueError, match="null"):
        logrank_e_process(risk_sets([0], [1], [True], [True]), null=0.0)
    with pytest.raises(ValueError, match="tolerance"):
        calibration_evidence([1], [0.5], tolerance=0.9)
