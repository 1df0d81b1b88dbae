"""Verdicts: better passes, worse fails, equal never fails, too little says so."""

from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from domain.errors import BadInput
from domain.scores import logistic
from monitoring.canary import RANKING, CanaryVerdict, compare, load_rule, not_comparable
from monitoring.canary_report import to_junit, to_markdown
from monitoring.canary_target import Learnt, Target, common
from monitoring.outcomes import JoinRule, join
from tests.monitoring.records import DAY_US, record

T = 20_000 * DAY_US
RULE = msgspec.structs.replace(load_rule(), draws=200)


def verdict(seed: int, noise: tuple[float, float], leads: int = 3000) -> CanaryVerdict:
    """Champion and challenger see the truth through noise of these sizes."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-2, 1.2, leads)
    won = rng.random(leads) < logistic(truth)
    one, other = (logistic(truth + size * rng.normal(size=leads)) for size in noise)
    records = [
        record(f"lead{i}", T, float(a), shadow={"lead-2": float(b)}, account=f"acct{i // 3}")
        for i, (a, b) in enumerate(zip(one, other, strict=True))
    ]
    happened = {f"lead{i}": [("won", T + DAY_US)] for i in np.flatnonzero(won)}
    rule = JoinRule(outcome="won", horizon_days=30)
    table = join(records, happened, rule, watermark_us=T + 40 * DAY_US)
    return compare(table, "lead-1", "lead-2", RULE)


@pytest.mark.parametrize("seed", range(4))
def test_a_better_challenger_passes(seed: int) -> None:
    assert verdict(seed, (1.5, 0.1)).outcome == "pass"


@pytest.mark.parametrize("seed", range(4))
def test_a_worse_challenger_fails(seed: int) -> None:
    found = verdict(seed, (0.1, 2.5))
    assert found.outcome == "fail"
    assert not found.passed


@pytest.mark.parametrize("seed", range(6))
def test_an_equal_challenger_never_fails(seed: int) -> None:
    assert verdict(seed, (0.4, 0.4)).outcome != "fail"


def test_the_same_challenger_passes() -> None:
    assert verdict(3, (0.0, 0.0)).outcome == "pass"


def test_too_little_is_said() -> None:
    found = verdict(1, (0.1, 0.1), leads=100)
    assert found.outcome == "inconclusive"
    assert "100 matured decisions" in found.reasons[0]
    assert found.measures == ()


ONE, OTHER = Learnt(outcome="won", horizon_days=30), Learnt(outcome="won", horizon_days=60)


def test_versions_of_other_horizons_need_a_stated_target() -> None:
    assert common(ONE, ONE) == Target(outcome="won", horizon_days=30)
    assert common(ONE, OTHER) is common(OTHER, ONE) is None
    assert common(ONE, Learnt(outcome="lost", horizon_days=30), 30) is None
    stated = common(ONE, OTHER, 30)
    assert stated == Target(outcome="won", horizon_days=30, waits_days=30, of_both=False)
    assert common(ONE, OTHER, 90) == Target(outcome="won", horizon_days=90, of_both=False)
    assert common(ONE, ONE, 30) == Target(outcome="won", horizon_days=30)
    with pytest.raises(BadInput, match="canary-horizon"):
        common(ONE, OTHER, 0)
    found = not_comparable("lead-1", "lead-2", ONE, OTHER, RULE)
    assert (found.outcome, found.matured) == ("inconclusive", 0)
    assert "lead-2 won within 60 days: state `--horizon-days`" in found.reasons[0]


@pytest.mark.parametrize("seed", range(3))
def test_on_a_target_of_one_of_them_only_rankings_are_judged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(-2, 1.2, 3000)
    soon, late = (logistic(truth + rise + 0.1 * rng.normal(size=3000)) for rise in (0.0, 1.0))
    records = [
        record(f"lead{i}", T, float(a), shadow={"lead-2": float(b)})
        for i, (a, b) in enumerate(zip(soon, late, strict=True))
    ]
    won = np.flatnonzero(rng.random(3000) < logistic(truth))
    rule = JoinRule(outcome="won", horizon_days=30, grace_days=30)
    happened = {f"lead{i}": [("won", T + DAY_US)] for i in won}
    table = join(records, happened, rule, watermark_us=T + 61 * DAY_US)
    assert compare(table, "lead-1", "lead-2", RULE).outcome == "fail", "told for 60, held to 30"
    found = compare(table, "lead-1", "lead-2", RULE, common(ONE, OTHER, 30))
    assert found.outcome == "pass"
    assert {m.name for m in found.measures} == RANKING
    assert found.target == "won within 30 days"


def test_the_same_data_give_the_same_verdict() -> None:
    assert verdict(2, (0.3, 0.5)) == verdict(2, (0.3, 0.5))


def test_reports_say_the_verdict() -> None:
    worse, better = verdict(0, (0.1, 2.5)), verdict(0, (1.5, 0.1))
    assert "Verdict: fail" in to_markdown(worse)
    assert "| AUROC |" in to_markdown(worse)
    suite = ET.fromstring(to_junit(worse))
    assert (suite.get("failures"), len(suite.findall("testcase/failure"))) == ("1", 1)
    assert ET.fromstring(to_junit(better)).get("failures") == "0"
