"""Verdicts: better passes, worse fails, equal never fails, too little says so."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from domain.errors import BadConfiguration, BadInput
from domain.scores import logistic
from measures.bootstrap import bootstrap, paired_bootstrap
from monitoring.canary import CanaryVerdict, Paired, compare, not_comparable, paired
from monitoring.canary_measures import METRICS, RANKING, compared_measures
from monitoring.canary_report import to_junit, to_markdown
from monitoring.canary_rule import load_rule
from monitoring.canary_target import Learnt, Target, common
from monitoring.certificate import KnownThen
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
    known = KnownThen(records=len(records), events=0, watermark_us=table.watermark_us)
    return compare(table, "lead-1", "lead-2", RULE, known=known)


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


def test_a_decision_waits_for_all_before_it() -> None:
    rule = JoinRule(outcome="won", horizon_days=30)
    days = range(1, 11)
    records = [record(f"lead{i}", T + i * DAY_US, 0.2, shadow={"lead-2": 0.3}) for i in days]
    # decided on the third day as of the tenth: it matures last, and the fourth waits for it
    records[8] = msgspec.structs.replace(records[8], decided_us=T + 3 * DAY_US + 1)
    early = {f"lead{i}": [("won", T + i * DAY_US + 1)] for i in days}
    table = join(records, early, rule, watermark_us=T + 37 * DAY_US)
    rows, both = paired(table, "lead-1", "lead-2")
    assert both == 10
    assert rows.decided_us.tolist() == [T + day * DAY_US for day in (1, 2, 3)]
    assert rows.y.tolist() == [1, 1, 1], "who converted early and is not mature does not count"


def test_the_same_data_give_the_same_verdict() -> None:
    assert verdict(2, (0.3, 0.5)) == verdict(2, (0.3, 0.5))


def test_what_is_shown_is_each_measure_on_the_same_draws() -> None:
    rng = np.random.default_rng(5)
    y = (rng.random(400) < 0.3).astype(np.float64)
    one, other = (np.clip(0.3 + 0.2 * (y - 0.3) + 0.1 * rng.normal(size=400), 0.01, 0.99),) * 2
    other = np.asarray(np.round(np.clip(other + 0.05 * rng.normal(size=400), 0.01, 0.99), 2), float)
    account = np.arange(400) // 3
    rows = Paired(
        y=y,
        champion=one,
        challenger=other,
        account=account,
        decided_us=np.arange(400),
        matured_us=400,
        decision_ids=tuple("d" * 400),
    )
    shown = {m.name: m for m in compared_measures(rows, RULE, fully=True)}
    assert shown.keys() == {*METRICS, "calibration_error"}
    for name, metric in METRICS.items():
        drawn = partial(bootstrap, draws=RULE.draws, seed=RULE.seed, level=RULE.level)
        both = partial(paired_bootstrap, draws=RULE.draws, seed=RULE.seed, level=RULE.level)
        singles = [drawn(metric, y, s, account) for s in (one, other)]
        apart = both(metric, y, one, other, account)
        for interval, expected in zip(
            (shown[name].champion, shown[name].challenger, shown[name].difference),
            (*singles, apart),
            strict=True,
        ):
            for end in ("value", "low", "high"):
                assert getattr(interval, end) == pytest.approx(getattr(expected, end), abs=1e-12)


def test_reports_say_the_verdict() -> None:
    worse, better = verdict(0, (0.1, 2.5)), verdict(0, (1.5, 0.1))
    assert "Verdict: fail" in to_markdown(worse)
    assert worse.decides is not None
    interval = worse.decides.difference
    for figure in (interval.value, interval.low, interval.high):
        assert f"{figure:+.4f}" in to_markdown(worse)
    assert "| none |" in to_markdown(worse), "no more outcomes are needed"
    assert "- certificate: evidence " in to_markdown(worse)
    close = verdict(1, (0.4, 0.42), leads=600)
    assert close.verdict == "undecided"
    assert close.needed is None or f"about {close.needed:,}" in to_markdown(close)
    assert "| AUROC |" in to_markdown(worse)
    suite = ET.fromstring(to_junit(worse))
    assert (suite.get("failures"), len(suite.findall("testcase/failure"))) == ("1", 1)
    figures = {p.get("name"): p.get("value") for p in suite.findall("testcase/properties/property")}
    assert figures["verdict"] == "worse"
    assert float(figures["margin"] or "nan") > 0
    assert {"low", "high", "certificate_data"} <= figures.keys()
    assert ET.fromstring(to_junit(better)).get("failures") == "0"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("measures: []", "unknown field `measures`"),
        ("margin: 0", "margin"),
        ("margin: 1.5", "margin"),
        ("min_accounts: 1", "min_accounts"),
        ("certificate: {most: 0}", "most"),
        ("certificate: {window_days: 0}", "window_days"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(tmp_path: Path, keys: str, message: str) -> None:
    path = tmp_path / "canary.yaml"
    kept = "" if keys.startswith("margin") else "margin: 0.2\n"
    path.write_text(f"version: 3\n{kept}{keys}\n")
    with pytest.raises(BadConfiguration, match=message) as caught:
        load_rule(path)
    assert caught.value.where.startswith("canary.yaml")
