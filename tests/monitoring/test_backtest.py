"""Backtests: moves and workload counted by hand, values beside the simulator's truth."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from config.settings import Settings
from decisions.backtest.remembered_policy import remembered
from decisions.backtest.routed_record import routing_of
from domain.clock import DAY
from domain.decisions import DecisionRecord
from jobs.decisions.backtest import BacktestRequest, backtest
from monitoring.backtest.backtest import Backtest
from monitoring.backtest.backtest_page import backtest_document
from monitoring.backtest.gathering import gathered_backtest
from monitoring.backtest.moves import moves, segment_moves, workloads
from monitoring.backtest.policy_value import PolicyValue, policy_value
from simulation.routed_leads import routed_leads
from tests.commands import leadscore
from tests.conftest import SOAK
from tests.monitoring.backtest_data import STANDARD, Replayed, graded, replayed
from tests.monitoring.routed_world import routed_world
from wiring.decisions import open_trail

RUNS, LEADS = (200, 1_500) if SOAK else (16, 700)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    file = graded(tmp_path_factory.mktemp("candidate"), 0.3, 0.06, 0.03)
    return replayed(11, 1_500, file)


def test_moves_are_counted(one: Replayed) -> None:
    pairs = [(routing_of(r.was), routing_of(r.now)) for r in one.rows]
    counted = Counter(pair for pair in pairs if pair[0] != pair[1])
    assert counted
    told = {
        (
            (m.was.eligible, m.was.action, m.was.queue, m.was.priority),
            (m.now.eligible, m.now.action, m.now.queue, m.now.priority),
        ): m.decisions
        for m in moves(one.columns)
    }
    assert told == counted
    expected = sum(
        r.record.answer.score for r, pair in zip(one.rows, pairs, strict=True) if pair[0] != pair[1]
    )
    assert sum(m.expected for m in moves(one.columns)) == pytest.approx(expected)


def test_segments_add_up(one: Replayed) -> None:
    segments = segment_moves(one.columns)
    moved = sum(routing_of(r.was) != routing_of(r.now) for r in one.rows)
    for by in ("grade", "queue", "region"):
        of = [s for s in segments if s.by == by]
        assert sum(s.decisions for s in of) == len(one.rows)
        assert sum(s.moved for s in of) == moved
    assert {s.name for s in segments if s.by == "region"} == {
        "emea",
        "americas",
        "apac",
        "unknown",
    }
    grade_a = sum(r.was_grade == "A" for r in one.rows)
    assert next(s for s in segments if (s.by, s.name) == ("grade", "A")).decisions == grade_a


def test_workload_is_each_leads_arrival(one: Replayed, tmp_path: Path) -> None:
    counted = Counter((r.now.queue, r.record.decided_us // DAY) for r in one.rows)
    for w in workloads(one.columns, {"nurture": 20.0}):
        days = [n for (queue, _), n in counted.items() if queue == w.queue]
        assert w.now == sum(days)
        assert w.now_busiest == max(days, default=0)
        assert [d.now for d in w.daily if d.now] == [
            n
            for (queue, _), n in sorted(counted.items(), key=lambda i: i[0][1])
            if queue == w.queue
        ]
        if w.queue == "nurture":
            assert w.now_days_over == sum(n > 20 for n in days)
        else:
            assert w.capacity is None
            assert w.now_days_over is None
    # a lead that is decided about again comes again only where its queue changes
    again = replayed(12, 200, graded(tmp_path, 0.3, 0.06, 0.03))
    again.columns.add(again.rows)
    assert sum(w.now for w in workloads(again.columns, {})) == 200


def covered(value: PolicyValue, truth: tuple[float, float]) -> dict[str, tuple[bool, ...]]:
    was, now = truth
    return {
        e.method: (
            e.was.low <= was <= e.was.high,
            e.now.low <= now <= e.now.high,
            e.difference is None or e.difference.low <= now - was <= e.difference.high,
        )
        for e in value.estimates
    }


def test_values_hold_the_truth(tmp_path: Path) -> None:
    """In 95% of the runs at least, each method's bounds of each value hold the simulator's."""
    file = graded(tmp_path, 0.3, 0.06, 0.03)
    standard, now = remembered(STANDARD), remembered(file)
    held: Counter[tuple[str, int]] = Counter()
    errors = []
    for seed in range(RUNS):
        run = replayed(100 + seed, LEADS, file, standard=standard, now=now)
        value, truth = policy_value(run.columns, run.table), run.truth
        assert value.tells
        assert value.leads == LEADS
        for method, sides in covered(value, truth).items():
            held.update((method, at) for at, side in enumerate(sides) if side)
        robust = next(e for e in value.estimates if e.method == "doubly robust")
        errors.append(robust.now.value - truth[1])
    assert len(held) == 12
    shares = {key: count / RUNS for key, count in held.items()}
    assert min(shares.values()) >= 0.95, shares
    # and without bias: the mean error lies within what chance alone makes
    assert abs(np.mean(errors)) < 4 * np.std(errors) / RUNS**0.5


def test_the_data_cannot_tell_without_a_draw(tmp_path: Path) -> None:
    file = graded(tmp_path, 0.3, 0.06, 0.03)
    run = replayed(3, 600, file, holdout=0.0)
    value = policy_value(run.columns, run.table)
    assert not value.tells
    assert "drawn at random" in value.why[0]
    assert not value.estimates


def test_too_few_accounts_tell_nothing(tmp_path: Path) -> None:
    run = replayed(3, 120, graded(tmp_path, 0.3, 0.06, 0.03))
    value = policy_value(run.columns, run.table)
    assert not value.tells
    assert "too few" in value.why[0]


def renamed(folder: Path, was: str, now: str) -> Path:
    text = STANDARD.read_text().replace(f'"\\"{was}\\""', f'"\\"{now}\\""')
    document = json.loads(text)
    document["queues"] = [*document["queues"], now]
    file = folder / "renamed.json"
    file.write_text(json.dumps(document | {"name": "renamed"}))
    return file


def test_a_routing_that_was_never_drawn_has_no_value(tmp_path: Path) -> None:
    """Nearly everybody goes to a queue that there never was: there is no overlap."""
    run = replayed(4, 800, renamed(tmp_path, "nurture", "greenhouse"))
    value = policy_value(run.columns, run.table)
    assert not value.tells
    assert "overlap" in value.why[0]
    assert value.untold > 0.2


def test_a_few_without_overlap_open_the_bounds(tmp_path: Path) -> None:
    run = replayed(4, 1_500, renamed(tmp_path, "enterprise_apac", "enterprise_east"))
    value = policy_value(run.columns, run.table)
    assert value.tells
    assert 0 < value.untold < 0.2
    assert "never drawn" in value.why[0]
    robust = next(e for e in value.estimates if e.method == "doubly robust")
    truth = run.truth[1]
    assert robust.now.low <= truth <= robust.now.high
    assert robust.now.high - robust.now.value > value.untold


def test_pages_say_what_the_figures_say(one: Replayed) -> None:
    value = policy_value(one.columns, one.table)
    result = gathered_backtest(one.columns, ("decided", "candidate-1"), value, {"nurture": 9.0})
    document = backtest_document(result)
    text, page = document.markdown(), document.html()
    assert f"{result.moved:,} decisions" in text
    assert "doubly robust" in text
    assert "<script" not in page
    assert "http" not in page
    assert page.count("<svg") > 0
    assert msgspec.json.decode(msgspec.json.encode(result), type=Backtest) == result


def recorded(home: Path, n: int) -> Settings:
    """A home with that many decisions, without a model."""
    settings = Settings(home=home, clock="watermark")
    home.mkdir()
    trail = open_trail(settings)
    records = routed_world(routed_leads(n, 21), remembered(STANDARD), 21).records
    for at in range(0, n, 1_000):
        trail.append(records[at : at + 1_000])
    return settings


def test_the_command_writes_all_three(tmp_path: Path) -> None:
    settings = recorded(tmp_path / "home", 300)
    file = graded(tmp_path, 0.3, 0.06, 0.03)
    words = ("policy", "backtest", "standard", str(file), "--by", "region", "--json")
    answer = leadscore(settings.home, *words, "--capacity", "nurture=5")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["was"], told["now"], told["decisions"]) == ("standard-1", "candidate-1", 300)
    assert not told["value"]["tells"]
    assert "champion" in told["value"]["why"][0]
    reports = settings.home / "reports"
    assert json.loads((reports / "backtest.json").read_text()) == told
    assert (reports / "backtest.html").read_text().startswith("<!doctype html>")
    alone = leadscore(settings.home, "policy", "backtest", str(file))
    assert "Backtest of candidate-1 against what was decided" in alone.stdout


def test_capacities_are_those_declared_or_given(tmp_path: Path) -> None:
    settings = recorded(tmp_path / "home", 300)
    document = json.loads(STANDARD.read_text())
    queues: dict[str, dict[str, int]] = {name: {} for name in document["queues"]}
    queues["nurture"], queues["self_serve"] = {"capacity_per_day": 5}, {"capacity_per_day": 7}
    file = tmp_path / "declared.json"
    file.write_text(json.dumps(document | {"name": "declared", "queues": queues}))
    result = backtest(settings, BacktestRequest(now=str(file), capacity={"nurture": 3.0}))
    of = {w.queue: w.capacity for w in result.workloads}
    assert (of["nurture"], of["self_serve"], of["small_business"]) == (3.0, 7.0, None)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--capacity", "nurture"), "capacity"),
        (("--capacity", "nurture=-1"), "capacity"),
        (("--by", "shoe_size"), "segment-known"),
        (("--since", "2999-01-01"), "decisions-recorded"),
        (("nobody-7",), "policy-file"),
        (("decided",), "backtest-candidate"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], rule: str, tmp_path: Path) -> None:
    settings = recorded(tmp_path / "home", 20)
    answer = leadscore(settings.home, "policy", "backtest", "standard", *words)
    assert answer.returncode in (2, 3)
    assert f"[{rule}]" in answer.stderr


def test_a_home_that_was_trained_tells_by_its_champions_outcome(own_home: Settings) -> None:
    leads = routed_world(routed_leads(250, 22), remembered(STANDARD), 22).records
    known: list[DecisionRecord] = leads
    open_trail(own_home).append(known)
    result = backtest(own_home, BacktestRequest(now="generic"))
    assert result.decisions == 250
    assert not result.value.tells
    assert result.value.why == ("no decision has matured whose chances are recorded",)


@pytest.mark.soak
def test_a_hundred_thousand_decisions_take_ten_seconds(tmp_path: Path) -> None:
    settings = recorded(tmp_path / "home", 100_000)
    file = graded(tmp_path, 0.3, 0.06, 0.03)
    result = backtest(settings, BacktestRequest(now=str(file), was="standard"))
    assert result.decisions == 100_000
    assert result.seconds <= 10
