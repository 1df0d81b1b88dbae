"""Rollouts in the ledger: each transition an entry, one at a time, told to the cache."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from config.settings import Settings
from domain.clock import FixedClock
from domain.errors import BadInput, Missing, Refused
from domain.versions.manifest import Stage
from registry import rollout
from registry.cache import STAGES_FILE, read_cached_stages
from registry.global_holdout import end_holdout, set_share, start_holdout
from registry.ledger_entry import LedgerDraft
from registry.rollout import Ticked
from registry.rollout_decision import ArmFigures, Judged, RolloutEvidence
from registry.rollout_spec import RolloutSpec
from registry.rollout_state import Rollout, RolloutLimits, RolloutStep
from registry.store import Registry
from wiring.live_folders import policy_cache_of
from wiring.registry import open_policies

STEPS = (RolloutStep(weight=0.05, dwell_hours=24, decisions=10), RolloutStep(weight=0.5))
COURSE = RolloutSpec(steps=STEPS, holdout=0.1, limits=RolloutLimits(degraded=0.05))


@pytest.fixture
def registry(registry_at: Callable[..., Registry], sealed: Callable[..., Path]) -> Registry:
    """Two versions, champion and challenger."""
    made = registry_at()
    for stage in (Stage.CHAMPION, Stage.CHALLENGER):
        label = made.register(sealed(), run_id=None, by="ann").label
        made.transition(label, stage, by="ann", reason="tests")
    return made


def kinds(registry: Registry) -> list[str]:
    return [entry.kind for entry in registry.ledger.entries()]


def ticked(
    registry: Registry,
    plan: Rollout,
    outcome: Literal["pass", "inconclusive"] = "pass",
    **held: float,
) -> Ticked:
    figures = ArmFigures(
        decisions=int(held.pop("decisions", 10)), degraded=held.pop("degraded", 0.0)
    )
    judged = Judged(name="canary-1", outcome=outcome, reasons=("too few",))
    evidence = RolloutEvidence(rollout=plan.id, step=plan.step, figures=figures, judged=judged)
    return rollout.tick(registry, evidence, by="cron")


def test_a_rollout_goes_on_by_evidence_and_back_by_evidence(
    registry: Registry, clock: FixedClock
) -> None:
    plan = rollout.start(registry, by="ann", reason="try it", course=COURSE)
    assert (plan.weight, plan.holdout, plan.step) == (0.05, 0.1, 0)
    before, stages = len(kinds(registry)), registry.cache / STAGES_FILE
    inode = stages.stat().st_ino
    assert ticked(registry, plan).progress.action == "hold"
    assert len(kinds(registry)) == before, "waiting is no transition"
    assert stages.stat().st_ino == inode, "and nobody who serves loads anything anew"
    clock.moment += timedelta(hours=24)
    waits = ticked(registry, plan, "inconclusive").progress
    assert waits.action == "hold", "with no outcome matured nothing is known of the challenger"
    assert "`needs_pass: false`" in waits.reasons[-1]
    done = ticked(registry, plan)
    assert (done.progress.action, done.plan.weight, done.plan.step) == ("advance", 0.5, 1)
    assert ticked(registry, plan).progress.action == "hold", "the same evidence, once more"
    assert read_cached_stages(registry.cache).rollout == done.plan
    assert ticked(registry, done.plan, degraded=0.06).progress.action == "roll_back"
    assert read_cached_stages(registry.cache).rollout is None
    with pytest.raises(Missing, match="rollout-running"):
        ticked(registry, done.plan, degraded=0.06)
    assert kinds(registry)[before - 1 :] == [
        "rollout_started",
        "rollout_advanced",
        "rollout_rolled_back",
    ]
    last = registry.ledger.entries()[-1]
    assert (last.by, last.reason) == ("cron", "degraded is 0.06, the limit is 0.05")
    assert last.evidence is not None
    assert last.evidence.figures.degraded == 0.06
    assert last.evidence.judged is not None
    assert last.evidence.judged.name == "canary-1"
    assert registry.at(Stage.CHALLENGER) is not None, "it stays challenger, without a share"
    assert registry.verify() is None


def test_a_person_holds_releases_and_advances(registry: Registry) -> None:
    course = RolloutSpec(
        steps=(RolloutStep(weight=0.1), RolloutStep(weight=0.5), RolloutStep(weight=1.0))
    )
    plan = rollout.start(registry, by="ann", reason="try it", course=course)
    assert rollout.hold(registry, by="bob", reason="wait for Monday").held
    assert ticked(registry, plan).progress.reasons == ("a person holds it",)
    assert not rollout.hold(registry, by="bob", reason="Monday", release=True).held
    rollout.hold(registry, by="bob", reason="again")
    assert rollout.advance(registry, by="bob", reason="enough").weight == 0.5
    changed = rollout.advance(registry, by="bob", reason="more", weight=0.6)
    assert (changed.weight, changed.step, changed.held) == (0.6, 1, False)
    assert rollout.advance(registry, by="bob", reason="all").weight == 1.0
    with pytest.raises(Refused, match="rollout-steps"):
        rollout.advance(registry, by="bob", reason="beyond")
    assert rollout.abort(registry, by="bob", reason="no").weight == 1.0
    assert kinds(registry)[-7:] == [
        "rollout_held",
        "rollout_held",
        "rollout_held",
        "rollout_advanced",
        "rollout_changed",
        "rollout_advanced",
        "rollout_aborted",
    ]


def test_a_held_rollout_still_rolls_back(registry: Registry) -> None:
    plan = rollout.start(registry, by="ann", reason="try it", course=COURSE)
    rollout.hold(registry, by="bob", reason="wait")
    assert ticked(registry, plan, degraded=0.5).progress.action == "roll_back"


def test_a_weight_leaves_room_for_the_holdout(registry: Registry) -> None:
    rollout.start(registry, by="ann", reason="try it", course=COURSE)
    with pytest.raises(BadInput, match="rollout-weight"):
        rollout.advance(registry, by="ann", reason="all", weight=0.95)


def test_of_many_who_start_at_once_one_does(
    registry: Registry,
    registry_at: Callable[..., Registry],
    forked: Callable[..., list[int | None]],
    tmp_path: Path,
) -> None:
    def begin(n: int) -> Callable[[], None]:
        def run() -> None:
            own = registry_at(fresh=True)
            with suppress(Refused):
                rollout.start(own, by=f"p{n}", reason="race", course=COURSE)
                (tmp_path / f"won-{n}").touch()

        return run

    assert forked(*[begin(n) for n in range(4)]) == [0] * 4
    assert kinds(registry).count("rollout_started") == 1
    assert len(list(tmp_path.glob("won-*"))) == 1
    assert read_cached_stages(registry.cache).rollout == rollout.status(registry)


def test_of_many_ticks_at_once_one_advances(
    registry: Registry,
    registry_at: Callable[..., Registry],
    forked: Callable[..., list[int | None]],
) -> None:
    course = RolloutSpec(steps=tuple(RolloutStep(weight=w) for w in (0.1, 0.2, 0.3, 0.4)))
    plan = rollout.start(registry, by="ann", reason="try it", course=course)
    assert forked(*[lambda: ticked(registry_at(fresh=True), plan)] * 4) == [0] * 4
    assert kinds(registry).count("rollout_advanced") == 1
    now = rollout.status(registry)
    assert now is not None
    assert now.weight == 0.2


def test_a_holdout_stands_where_no_policy_was_ever_registered(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    registry = open_policies(settings)
    plan = start_holdout(registry, 0.05, by="ann", reason="measure")
    assert (plan.mode, plan.champion, plan.challenger) == ("holdout", "", "")
    with pytest.raises(Refused, match="rollout-single"):
        start_holdout(registry, 0.05, by="ann", reason="twice")
    assert read_cached_stages(policy_cache_of(settings)).holdout == plan
    grown = set_share(registry, 0.2, by="ann", reason="more")
    assert (grown.id, grown.holdout) == (plan.id, 0.2)
    (policy_cache_of(settings) / "stages.json").unlink()
    assert open_policies(settings).standing().holdout == grown
    assert read_cached_stages(policy_cache_of(settings)).holdout == grown, "caught up"
    for share in (0.0, 1.5):
        with pytest.raises(BadInput):
            set_share(registry, share, by="ann", reason="bad")
    assert end_holdout(registry, by="ann", reason="measured") == grown
    assert read_cached_stages(policy_cache_of(settings)).holdout is None
    with pytest.raises(Missing, match="rollout-holdout"):
        end_holdout(registry, by="ann", reason="again")


def test_models_have_no_standing_holdout(registry: Registry) -> None:
    with pytest.raises(BadInput, match="rollout-holdout"):
        start_holdout(registry, 0.05, by="ann", reason="measure")


def test_entries_of_before_are_read(registry: Registry) -> None:
    """A ledger from when a rollout knew nothing of steps, and ended in one way only."""
    plan = Rollout(id="r", champion="lead-1", challenger="lead-2", weight=0.25, started="2026")
    started = LedgerDraft(
        kind="rollout_started", subject="lead-2", by="b", reason="r", rollout=plan
    )
    registry.ledger.append(started)
    assert registry.standing().rollout == plan
    registry.ledger.append(msgspec.structs.replace(started, kind="rollout_ended"))
    assert registry.standing().rollout is None
    assert registry.ledger.verify() is None
