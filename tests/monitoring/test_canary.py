"""Verdicts: better passes, worse fails, equal never fails, too little says so."""

from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from domain.scores import logistic
from monitoring.canary import Verdict, compare, load_rule
from monitoring.canary_report import to_junit, to_markdown
from monitoring.outcomes import JoinRule, join
from tests.monitoring.records import DAY_US, record

T = 20_000 * DAY_US
RULE = msgspec.structs.replace(load_rule(), draws=200)


def verdict(seed: int, noise: tuple[float, float], leads: int = 3000) -> Verdict:
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


def test_the_same_data_give_the_same_verdict() -> None:
    assert verdict(2, (0.3, 0.5)) == verdict(2, (0.3, 0.5))


def test_reports_say_the_verdict() -> None:
    worse, better = verdict(0, (0.1, 2.5)), verdict(0, (1.5, 0.1))
    assert "Verdict: fail" in to_markdown(worse)
    assert "| AUROC |" in to_markdown(worse)
    suite = ET.fromstring(to_junit(worse))
    assert (suite.get("failures"), len(suite.findall("testcase/failure"))) == ("1", 1)
    assert ET.fromstring(to_junit(better)).get("failures") == "0"
