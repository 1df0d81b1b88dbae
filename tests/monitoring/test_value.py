"""Value of routing: lift, uplift and self-feeding scores beside the simulator's truth."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from config.settings import Settings
from decisions.backtest.remembered_policy import RememberedPolicy, remembered
from decisions.backtest.routed_record import FeaturedRecord
from domain.clock import DAY
from domain.decisions import Facts
from domain.identifiers import is_identified
from jobs.decisions.backtest import BacktestRequest, backtest
from jobs.decisions.value_report import (
    ValueRequest,
    measured_uplift,
    recorded_features,
    value_report,
)
from monitoring.outcomes import JoinRule, OutcomeTable, join_columns
from monitoring.value.drawn_leads import DrawnLeads, MaturedLeads, matured_leads
from monitoring.value.routing_lift import routing_lifts
from monitoring.value.self_feeding import self_feeding, self_feeding_of
from monitoring.value.value_page import value_document
from monitoring.value.value_report import ValueReport
from simulation.routed_leads import routed_leads
from tests.commands import leadscore
from tests.conftest import SOAK
from tests.monitoring.backtest_data import STANDARD
from tests.monitoring.routed_world import HORIZON, RoutedWorld, routed_world
from wiring.decisions import open_trail
from wiring.signals import open_signals

RUNS, LEADS = (200, 1_500) if SOAK else (12, 700)
NULL_RUNS = 400 if SOAK else 100


def measured(
    world: RoutedWorld, policy: RememberedPolicy
) -> tuple[DrawnLeads, OutcomeTable, MaturedLeads]:
    drawn = DrawnLeads(frozenset({"contact"}), {policy.label: policy}.get)
    decode = msgspec.json.Decoder(FeaturedRecord).decode
    drawn.add([decode(msgspec.json.encode(record)) for record in world.records])
    table = join_columns(
        drawn.decisions,
        world.outcomes,
        JoinRule(outcome="won", horizon_days=HORIZON),
        watermark_us=world.watermark_us,
        canonical=list,
    )
    return drawn, table, matured_leads(drawn, table)


def uniform_truth(world: RoutedWorld, policy: RememberedPolicy) -> NDArray[np.float64]:
    """The probability of conversion of each lead under a draw among its possible routings."""
    total = np.zeros(len(world.leads))
    for at, record in enumerate(world.records):
        possible = policy.routings(record.facts)
        actions = [routing[1] for routing in possible]
        chances = [_of_one(world, at, action) for action in actions]
        total[at] = np.mean(chances)
    return total


def _of_one(world: RoutedWorld, at: int, action: str) -> float:
    key = (id(world), action)
    if key not in _KNOWN:
        _KNOWN[key] = world.leads.chances([action] * len(world.leads))
    return float(_KNOWN[key][at])


_KNOWN: dict[tuple[int, str], NDArray[np.float64]] = {}


def test_the_lift_of_routing_is_the_simulators() -> None:
    policy, within, grades = remembered(STANDARD), 0, 0
    for seed in range(RUNS):
        _KNOWN.clear()
        world = routed_world(routed_leads(LEADS, 500 + seed), policy, 500 + seed)
        drawn, _, leads = measured(world, policy)
        lifts = routing_lifts(leads, drawn.grades, drawn.rules)
        own = [policy.decide(_graded(policy, f)).action for f in world.leads.facts]
        truth = world.leads.chances(own) - uniform_truth(world, policy)
        overall = next(one for one in lifts if one.by == "all")
        assert overall.leads == LEADS
        assert overall.lift is not None
        within += overall.lift.low <= truth.mean() <= overall.lift.high
        for one in lifts:
            if one.by == "grade" and one.lift is not None:
                mine = truth[np.array(drawn.grades) == one.name].mean()
                grades += not one.lift.low <= mine <= one.lift.high
    assert within >= 0.95 * RUNS
    assert grades <= 0.05 * RUNS


def _graded(policy: RememberedPolicy, facts: Facts) -> Facts:
    return msgspec.structs.replace(facts, grade=policy.grade(facts.score))


def test_rules_are_told_apart() -> None:
    policy = remembered(STANDARD)
    world = routed_world(routed_leads(900, 3), policy, 3)
    drawn, _, leads = measured(world, policy)
    lifts = routing_lifts(leads, drawn.grades, drawn.rules)
    granted = next(one for one in lifts if one.name == "eligibility.consent_granted")
    assert granted.by == "rule"
    assert granted.leads == sum("eligibility.consent_granted" in r for r in drawn.rules)
    few = [one for one in lifts if one.accounts < 50]
    assert few
    assert all(one.lift is None for one in few)


def test_without_a_draw_there_is_no_lift() -> None:
    policy = remembered(STANDARD)
    world = routed_world(routed_leads(400, 3), policy, 3, holdout=0.0)
    drawn, _, leads = measured(world, policy)
    lifts = routing_lifts(leads, drawn.grades, drawn.rules)
    assert all(one.lift is None for one in lifts)


def randomised(n: int, seed: int, gain: float) -> tuple[MaturedLeads, NDArray[np.float64]]:
    """A campaign drawn at random: those in the middle gain, by `gain` times as much."""
    rng = np.random.default_rng(seed)
    leads = routed_leads(n, seed)
    worked = (rng.random(n) < 0.5).astype(float)
    base = leads.chances(["none"] * n)
    truth = gain * (leads.chances(["contact"] * n) - base)
    converted = (rng.random(n) < base + worked * truth).astype(float)
    figures = {"worked": worked, "worked_chance": np.full(n, 0.5)}
    numbers = np.arange(n)
    matured = MaturedLeads(numbers, numbers, leads.account, converted, leads.score, figures)
    return matured, truth


def test_leads_that_gain_are_found_and_the_bounds_hold_the_truth() -> None:
    leads, truth = randomised(3_000, 5, 1.0)
    features = np.column_stack([routed_leads(3_000, 5).intent, routed_leads(3_000, 5).size])
    uplift = measured_uplift(leads, features)
    assert uplift.tells
    assert uplift.average is not None
    assert uplift.qini is not None
    assert uplift.average.low <= truth.mean() <= uplift.average.high
    assert uplift.qini.low > 0
    first, last = uplift.shares[0], uplift.shares[-1]
    assert first.gain.value > last.gain.value + 0.05
    assert uplift.gained[-1] == pytest.approx(uplift.average.value)


def test_where_nobody_gains_no_ranking_is_shown() -> None:
    leads, _ = randomised(2_000, 6, 0.0)
    features = np.random.default_rng(6).normal(size=(2_000, 3))
    uplift = measured_uplift(leads, features)
    assert uplift.qini is not None
    assert uplift.average is not None
    assert uplift.qini.low < 0 < uplift.qini.high
    assert uplift.average.low < 0 < uplift.average.high


def later_decisions(rng: np.random.Generator, n: int, *, raised: float) -> tuple[NDArray[Any], ...]:
    """Leads decided about twice: working helps, ends some early, and raises scores by `raised`."""
    chance = rng.choice([0.1, 0.3, 0.6], n)
    worked = rng.random(n) < chance
    honest = np.clip(rng.beta(1.5, 8, n) + 0.08 * worked, 0, 1)
    again = rng.random(n) < np.where(worked, 0.6, 0.85) * (1 - honest)
    converted = rng.random(n) < honest
    score = np.clip(honest + raised * worked, 0, 1)
    return score, converted, worked, chance, again, rng.integers(0, n // 2, n)


def false_alarms(runs: int, raised: float) -> float:
    """The share of runs that raise an alarm at any of five looks."""
    rng, alarms = np.random.default_rng(8), 0
    for _ in range(runs):
        columns = later_decisions(rng, 2_500, raised=raised)
        looks = (500, 1_000, 1_500, 2_000, 2_500)
        alarms += any(self_feeding(*(c[:n] for c in columns), margin=0.0).alarm for n in looks)
    return alarms / runs


def test_honest_scores_raise_no_alarm() -> None:
    """The null distribution: at five looks, 5% of the runs at most; without any margin."""
    assert false_alarms(NULL_RUNS, 0.0) <= 0.05


def test_scores_that_rest_on_working_do() -> None:
    assert false_alarms(10, 0.15) == 1.0


def test_a_world_without_later_decisions_tells_nothing() -> None:
    policy = remembered(STANDARD)
    _, table, leads = measured(routed_world(routed_leads(400, 3), policy, 3), policy)
    feeding = self_feeding_of(leads, table)
    assert feeding.excess is None
    assert not feeding.alarm
    assert "needed" in feeding.why


def test_the_pages_hold_what_the_report_says() -> None:
    policy = remembered(STANDARD)
    world = routed_world(routed_leads(900, 3), policy, 3)
    drawn, table, leads = measured(world, policy)
    campaign, _ = randomised(1_200, 5, 1.0)
    report = ValueReport(
        reported="2026-01-01T00:00:00Z",
        outcome="won",
        horizon_days=30,
        actions=("contact",),
        decisions=900,
        leads=len(leads),
        lifts=routing_lifts(leads, drawn.grades, drawn.rules),
        uplift=measured_uplift(campaign, routed_leads(1_200, 5).intent[:, None]),
        feeding=self_feeding_of(leads, table),
    )
    document = value_document(report)
    assert "Lift by grade" in document.markdown()
    assert "<svg" in document.html()
    assert msgspec.json.decode(msgspec.json.encode(report), type=ValueReport) == report


def test_features_are_those_recorded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", clock="watermark")
    settings.home.mkdir()
    records = routed_world(routed_leads(20, 4), remembered(STANDARD), 4).records
    own = [msgspec.structs.replace(r, features=(float(at), None)) for at, r in enumerate(records)]
    own[3] = msgspec.structs.replace(own[3], features=(1.0,))  # of another feature service
    open_trail(settings).append(own)
    wanted = [own[at].answer.decision_id for at in (5, 3, 0)]
    table = recorded_features(settings, wanted)
    np.testing.assert_array_equal(table, [[5.0, np.nan], [np.nan, np.nan], [0.0, np.nan]])


def test_a_home_with_matured_draws_is_measured(own_home: Settings) -> None:
    """Real leads of a home, decided about in its past with a holdout, and its log's outcomes."""
    plane = open_signals(own_home)
    moment = plane.directory.watermark_us() - 90 * DAY
    known = [str(one.lead_id) for one in plane.directory.all() if is_identified(one.lead_id)]
    world = routed_world(routed_leads(len(known), 31), remembered(STANDARD), 31, holdout=0.6)
    records = [
        msgspec.structs.replace(
            record,
            decided_us=moment + at,
            as_of_us=moment + at,
            features=(float(at), None),
            answer=msgspec.structs.replace(record.answer, lead_id=known[at]),
        )
        for at, record in enumerate(world.records)
    ]
    open_trail(own_home).append(records)
    report = value_report(own_home, ValueRequest(actions=("contact", "nurture")))
    assert report.leads > 100
    overall = next(one for one in report.lifts if one.by == "all")
    assert overall.leads <= report.leads
    assert report.uplift.tells or "needed" in report.uplift.why
    result = backtest(own_home, BacktestRequest(now="generic"))
    assert result.value.leads == report.leads
    assert result.value.outcome == "won"


def test_a_home_says_what_it_lacks(own_home: Settings) -> None:
    empty = leadscore(own_home.home, "value", "report")
    assert empty.returncode == 3
    assert "[decisions-recorded]" in empty.stderr
    open_trail(own_home).append(routed_world(routed_leads(60, 4), remembered(STANDARD), 4).records)
    report = value_report(own_home, ValueRequest())
    assert (report.decisions, report.leads, report.uplift.tells) == (60, 0, False)
    wrong = leadscore(own_home.home, "value", "report", "--worked", "sing")
    assert "[action-known]" in wrong.stderr
    shown = leadscore(own_home.home, "value", "report")
    assert shown.returncode == 0, shown.stderr
    assert "The data cannot tell" in shown.stdout
    assert (own_home.home / "reports" / "value.html").is_file()
