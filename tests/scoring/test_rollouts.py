"""Rollouts as they are answered: two at once, shadow and holdout, all of it replayed."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from threading import Thread
from typing import Any, TypedDict

import httpx
import msgspec
import pytest
from scipy.stats import binom

from config.settings import Settings
from domain.decisions import DecisionRecord
from domain.scores import Decision
from domain.versions.manifest import Stage
from jobs.decisions.replay_decision import replay
from jobs.models.promote import candidate, promote
from jobs.models.rollouts import finish, tick_rollout
from registry import rollout
from registry.global_holdout import end_holdout, set_share, start_holdout
from registry.rollout_spec import RolloutSpec
from registry.rollout_state import Rollout, RolloutLimits, RolloutStep
from registry.store import AnyRegistry
from scoring.assignment import assign
from serving.supervisor import running
from tests.conftest import Trained
from tests.waiting import until
from wiring import policies
from wiring.decisions import policy_path
from wiring.registry import open_policies, open_registry
from wiring.scoring import LOOK_EVERY_S, Scoring, open_scoring


class Author(TypedDict):
    """Who makes a change, and why."""

    by: str
    reason: str


TESTS: Author = {"by": "tests", "reason": "tests"}
LEADS = 200
ENOUGH = 200
EASY = {"A": 0.03, "B": 0.02, "C": 0.01}


@pytest.fixture(scope="module")
def home(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A trained home with two policies, of which one makes nearly every lead an A."""
    folder = tmp_path_factory.mktemp("rollouts")
    shutil.copytree(trained.settings.home, folder / "home")
    settings = msgspec.structs.replace(trained.settings, home=folder / "home")
    held = json.loads(policy_path("standard").read_text()) | {"name": "routing"}
    for grades, stage in ((held["grades"], Stage.CHAMPION), (EASY, Stage.CHALLENGER)):
        path = folder / "routing.json"
        path.write_text(json.dumps(held | {"grades": grades}))
        made = policies.register(settings, path, "tests")
        found = candidate(settings, "policy", made.label)
        promote(settings, found, stage, override=True, **TESTS)
    rollout.abort(open_registry(settings), **TESTS)
    return settings


@pytest.fixture(scope="module")
def scoring(home: Settings) -> Iterator[Scoring]:
    """It looks for changes at each request: tests need not wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wiring.scoring.LOOK_EVERY_S", 0.0)
        yield open_scoring(home)


@pytest.fixture
def models(home: Settings) -> Iterator[AnyRegistry]:
    yield from ended(open_registry(home))


@pytest.fixture
def routing(home: Settings) -> Iterator[AnyRegistry]:
    yield from ended(open_policies(home))


def ended(registry: AnyRegistry) -> Iterator[AnyRegistry]:
    yield registry
    if registry.standing().rollout is not None:
        rollout.abort(registry, **TESTS)
    if registry.standing().holdout is not None:
        end_holdout(registry, **TESTS)


def canary(weight: float, holdout: float = 0.0) -> RolloutSpec:
    return RolloutSpec(steps=(RolloutStep(weight=weight),), holdout=holdout)


def scored(scoring: Scoring) -> list[DecisionRecord]:
    """Many leads decided under what is under way now, once it is opened."""
    scoring.versions.current()
    scoring.policy()
    for thread in threading.enumerate():
        if thread.name == "follower":
            thread.join()
    ids = [ref.lead_id for ref in islice(scoring.plane.directory.all(), LEADS)]
    return [scoring.trail.get(a.decision_id) for a in scoring.answerer.score(ids)]


def key(record: DecisionRecord) -> str:
    return record.account_id or record.answer.lead_id


def replays(home: Settings, records: Sequence[DecisionRecord]) -> None:
    """One record of each kind is made again to the same answer."""
    kinds = {(r.answer.arms, r.drawn is None, r.answer.arm): r for r in records}
    for record in kinds.values():
        assert replay(home, record.answer.decision_id) == []


def test_a_model_and_a_policy_are_rolled_out_at_once(
    home: Settings, scoring: Scoring, models: AnyRegistry, routing: AnyRegistry
) -> None:
    one = rollout.start(models, course=canary(0.5, 0.1), **TESTS)
    two = rollout.start(routing, course=canary(0.4), **TESTS)
    records = scored(scoring)
    seen = set()
    for record in records:
        arms, versions = record.answer.arms, record.answer.versions
        assert arms.model == assign(key(record), one)
        assert arms.policy == assign(key(record), two)
        assert {a.rollout: a.arm for a in record.assigned} == {
            one.id: arms.model,
            two.id: arms.policy,
        }
        assert versions.model == (one.challenger if arms.model == "challenger" else one.champion)
        assert versions.policy == (two.challenger if arms.policy == "challenger" else two.champion)
        assert len(record.shadow) == len(record.shadow_decisions) == 1
        assert (record.drawn is not None) == (arms.model == "holdout")
        seen.add((arms.model, arms.policy))
    assert len(seen) == 6
    assert {r.answer.arm for r in records} == {"champion", "challenger", "holdout"}
    replays(home, records)


def test_a_record_that_was_made_up_does_not_replay(
    home: Settings, scoring: Scoring, routing: AnyRegistry
) -> None:
    rollout.start(routing, course=canary(0.5), **TESTS)
    record = next(r for r in scored(scoring) if r.answer.arms.policy == "challenger")
    replace = msgspec.structs.replace
    (label, said), (one,) = next(iter(record.shadow_decisions.items())), record.assigned
    forged = replace(
        record,
        answer=replace(record.answer, decision_id="forged"),
        assigned=(replace(one, arm="champion"),),
        shadow=dict.fromkeys(record.shadow, 0.999),
        shadow_decisions={label: replace(said, queue="mine")},
    )
    scoring.trail.append([forged])
    told = replay(home, "forged")
    assert told[0] == f"arm in {one.rollout} was 'champion', is 'challenger'"
    assert [line.split(" was ")[0] for line in told[1:]] == ["score of lead-2", f"{label} queue"]


def test_a_shadow_policy_decides_and_its_word_does_not_count(
    home: Settings, scoring: Scoring, routing: AnyRegistry
) -> None:
    before = {r.answer.lead_id: r.answer for r in scored(scoring)}
    plan = rollout.start(routing, course=RolloutSpec(mode="shadow"), **TESTS)
    records = scored(scoring)
    challenger = policies.policy_of_record(home, plan.challenger)
    differ = 0
    for record in records:
        was = before[record.answer.lead_id]
        assert (record.answer.arm, record.answer.decision) == ("champion", was.decision)
        (said,) = record.shadow_decisions.values()
        facts = msgspec.structs.replace(record.facts, grade=challenger.grade(record.facts.score))
        assert said == challenger.decide(facts)
        differ += said != record.answer.decision
    assert differ > len(records) / 10
    replays(home, records)


def _routed(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.queue, decision.priority


def test_a_standing_holdout_routes_at_random_and_scores_as_ever(
    home: Settings, scoring: Scoring, routing: AnyRegistry
) -> None:
    before = {r.answer.lead_id: r.answer for r in scored(scoring)}
    plan = start_holdout(routing, 0.4, **TESTS)
    records = scored(scoring)
    held = [r for r in records if r.answer.arm == "holdout"]
    assert {key(r) for r in held} == {key(r) for r in records if assign(key(r), plan) == "holdout"}
    assert 0.2 < len(held) / len(records) < 0.6
    for record in held:
        was = before[record.answer.lead_id]
        assert (record.answer.score, record.answer.grade) == (was.score, was.grade)
        assert record.answer.decision.eligible == was.decision.eligible
        assert record.drawn is not None
        assert record.drawn.instead_of == was.decision
    assert any(
        _routed(r.answer.decision) != _routed(before[r.answer.lead_id].decision) for r in held
    )
    others = [r for r in records if r.drawn is None]
    assert all(r.answer.decision == before[r.answer.lead_id].decision for r in others)
    replays(home, records)

    grown = set_share(routing, 0.6, **TESTS)
    again = {r.answer.lead_id: r for r in scored(scoring)}
    assert grown.id == plan.id
    for record in held:
        assert again[record.answer.lead_id].answer.decision == record.answer.decision


def test_a_holdout_outlives_rollouts_and_champions(
    home: Settings, scoring: Scoring, routing: AnyRegistry
) -> None:
    plan = start_holdout(routing, 0.3, **TESTS)
    rollout.start(routing, course=canary(0.5), **TESTS)
    first = scored(scoring)
    held = {key(r) for r in first if r.answer.arm == "holdout"}
    assert {r.answer.arms.policy for r in first} == {"champion", "challenger", "holdout"}
    rollout.advance(routing, weight=1.0, **TESTS)
    second = scored(scoring)
    assert {r.answer.arms.policy for r in second} == {"challenger", "holdout"}
    assert {key(r) for r in second if r.answer.arm == "holdout"} == held
    standing = routing.standing()
    assert finish(home, "policy", changes=1_000, **TESTS).version.label == standing.challenger
    assert "rollout_finished" in [e.kind for e in routing.ledger.entries()]
    assert routing.standing().rollout is None
    assert routing.standing().holdout == plan
    third = scored(scoring)
    assert {key(r) for r in third if r.answer.arm == "holdout"} == held
    routing.rollback(**TESTS)
    routing.transition(str(standing.challenger), Stage.CHALLENGER, **TESTS)


def test_blue_green_moves_everybody_at_once_and_back(scoring: Scoring, models: AnyRegistry) -> None:
    def answered() -> set[str]:
        return {r.answer.versions.model for r in scored(scoring)}

    plan: Rollout = rollout.start(models, course=RolloutSpec(mode="blue_green"), **TESTS)
    assert answered() == {plan.champion}
    assert rollout.advance(models, **TESTS).weight == 1.0
    assert answered() == {plan.challenger}
    rollout.abort(models, **TESTS)
    assert answered() == {plan.champion}


def test_a_broken_challenger_of_policies_is_left_out(
    home: Settings, scoring: Scoring, routing: AnyRegistry
) -> None:
    plan = rollout.start(routing, course=canary(0.5), **TESTS)
    file = Path(routing.cache) / "versions" / plan.challenger / "policy.json"
    whole = file.read_bytes()
    file.write_bytes(whole + b" ")
    try:
        records = scored(scoring)
    finally:
        file.write_bytes(whole)
    assert {r.answer.versions.policy for r in records} == {plan.champion}
    assert not any(r.assigned or r.shadow_decisions for r in records)


@dataclass
class Load:
    """Asks a service for leads without a pause, and keeps every answer with when it was asked."""

    url: str
    leads: Sequence[str]
    answers: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    stop: bool = False

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            for lead in cycle(self.leads):
                if self.stop:
                    return
                asked = time.monotonic()
                answer = client.post("/score", json={"lead_id": lead})
                self.answers.append((asked, answer.status_code, answer.json()))

    def since(self, moment: float) -> list[dict[str, Any]]:
        """Enough of what was asked after a moment; waits for it."""

        def found() -> list[dict[str, Any]]:
            return [a for asked, _, a in list(self.answers) if asked >= moment]

        until(lambda: len(found()) >= ENOUGH, what="the service hardly answers")
        return found()


def test_a_canary_of_a_policy_served(
    home: Settings, scoring: Scoring, routing: AnyRegistry, tmp_path: Path
) -> None:
    refs = list(islice(scoring.plane.directory.all(), LEADS))
    keys = {str(ref.lead_id): str(ref.account_id or ref.lead_id) for ref in refs}
    steps = (RolloutStep(weight=0.2), RolloutStep(weight=0.6))
    course = RolloutSpec(
        steps=steps, holdout=0.1, limits=RolloutLimits(degraded=0.9, error_rate=0.01)
    )
    with running(home) as url:
        load = Load(url, list(keys))
        threads = [Thread(target=load.run) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            plan = rollout.start(routing, course=course, **TESTS)
            for weight in (0.2, 0.6):
                settled = time.monotonic() + LOOK_EVERY_S + 0.5
                answers = load.since(settled)
                assert_arms(plan, keys, answers)
                if weight == 0.2:
                    plan = rollout.advance(routing, **TESTS)
            bad = tmp_path / "figures.json"
            bad.write_text('{"error_rate": 0.02, "p99_ms": 30}')
            done, evidence = tick_rollout(home, "policy", by="tests", figures=bad)
            rolled_back = time.monotonic()
            assert done.progress.action == "roll_back"
            assert evidence.figures.decisions
            after = load.since(rolled_back + 2.0)
        finally:
            load.stop = True
            for thread in threads:
                thread.join()
    assert after
    assert {a["versions"]["policy"] for a in after} == {plan.champion}
    assert {a["arm"] for a in after} == {"champion"}
    assert {status for _, status, _ in load.answers} == {200}, "no answer was lost"
    late = [at for at, _, a in load.answers if a["versions"]["policy"] == plan.challenger]
    assert max(late) - rolled_back < 2.0
    last = routing.ledger.entries()[-1]
    assert (last.kind, last.evidence) == ("rollout_rolled_back", evidence)
    assert last.reason == "error_rate is 0.02, the limit is 0.01"


def assert_arms(plan: Rollout, keys: dict[str, str], answers: list[dict[str, Any]]) -> None:
    """Each answer is of its account's arm, and the arms have their shares of accounts."""
    seen = {}
    for answer in answers:
        arm = answer["arms"]["policy"]
        assert arm == assign(keys[answer["lead_id"]], plan)
        served = plan.challenger if arm == "challenger" else plan.champion
        assert answer["versions"]["policy"] == served
        seen[keys[answer["lead_id"]]] = arm
    assert len(seen) > 30
    for arm, share in (("challenger", plan.weight), ("holdout", plan.holdout)):
        low, high = binom.interval(1 - 1e-6, len(seen), share)
        assert low <= sum(held == arm for held in seen.values()) <= high
