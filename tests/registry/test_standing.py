"""Stages, as pure functions: what holds after any history whatever."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from domain.errors import BadInput, LeadscoreError, Missing, NoModel, Refused
from domain.versions.manifest import ModelVersion, Stage
from registry.ledger_entry import GateResult, LedgerDraft, LedgerEntry, Registration
from registry.registry_state import RegistryState, fold
from registry.rollout_state import Rollout
from registry.transitions import (
    ArmAllocation,
    Author,
    GateRefusal,
    GateVerdict,
    back,
    end_rollout,
    move,
    start_rollout,
)

ANN = Author("ann", "because")
LABELS = ("lead-1", "lead-2", "lead-3", "lead-4")


def recorded(drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
    return [
        LedgerEntry(**asdict(draft), sequence=n, at_us=n, hash=f"{n}")
        for n, draft in enumerate(drafts, 1)
    ]


def registrations() -> list[LedgerDraft]:
    return [
        LedgerDraft(
            kind="registered",
            subject=label,
            by="ann",
            reason="new",
            registration=Registration(
                version=ModelVersion(
                    name="lead",
                    version=n,
                    stage=Stage.CANDIDATE,
                    created="",
                    metrics={},
                    feature_service="",
                ),
                manifest_hash="",
                run_id="",
            ),
        )
        for n, label in enumerate(LABELS, 1)
    ]


def after(*steps: tuple[str, Stage]) -> tuple[list[LedgerDraft], RegistryState]:
    drafts = registrations()
    for label, stage in steps:
        drafts += move(fold(recorded(drafts)), label, stage, ANN, GateVerdict())
    return drafts, fold(recorded(drafts))


step = st.one_of(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(list(Stage))),
    st.sampled_from(["back", "start", "end"]),
)


@given(st.lists(step, max_size=25))
def test_never_two_champions_whatever_is_tried(steps: list[tuple[str, Stage] | str]) -> None:
    drafts = registrations()
    for what in steps:
        standing = fold(recorded(drafts))
        try:
            if what == "back":
                drafts += back(standing, ANN)
            elif what == "start":
                drafts += start_rollout(standing, ArmAllocation("2026-01-01T00:00:00Z"), ANN)
            elif what == "end":
                drafts += end_rollout(standing, ANN)
            else:
                drafts += move(standing, str(what[0]), Stage(what[1]), ANN, GateVerdict())
        except LeadscoreError:
            continue
        now = fold(recorded(drafts))
        stages = list(now.stages.values())
        assert stages.count(Stage.CHAMPION) == (now.champion is not None)
        assert stages.count(Stage.CHALLENGER) <= 1
        assert now.champion is None or now.stages[now.champion] == Stage.CHAMPION
        assert standing.champion is None or now.champion is not None
        if now.rollout is not None:
            assert (now.rollout.champion, now.rollout.challenger) == (now.champion, now.challenger)
        for label in LABELS:
            assert now.version(label).stage == now.stages[label]


def test_the_former_ones_make_way() -> None:
    _, now = after(
        ("lead-1", Stage.CHAMPION),
        ("lead-2", Stage.CHALLENGER),
        ("lead-3", Stage.CHALLENGER),
        ("lead-4", Stage.CHAMPION),
    )
    assert [now.stages[label] for label in LABELS] == [
        Stage.ARCHIVED,
        Stage.CANDIDATE,
        Stage.CHALLENGER,
        Stage.CHAMPION,
    ]


def test_rolling_back_twice_goes_back_two_reigns() -> None:
    drafts, now = after(*[(label, Stage.CHAMPION) for label in LABELS[:3]])
    seen = []
    for _ in range(2):
        drafts += back(now, ANN)
        now = fold(recorded(drafts))
        seen.append(now.champion)
    assert seen == ["lead-2", "lead-1"]
    assert now.stages["lead-3"] == Stage.ARCHIVED
    with pytest.raises(Missing, match="former-champion"):
        back(now, ANN)


def test_a_champion_is_only_ever_replaced() -> None:
    _, now = after(("lead-1", Stage.CHAMPION))
    for stage in (Stage.CANDIDATE, Stage.CHALLENGER, Stage.ARCHIVED):
        with pytest.raises(Refused, match="champion-replaced"):
            move(now, "lead-1", stage, ANN, GateVerdict())
    with pytest.raises(Refused, match="stage-differs"):
        move(now, "lead-1", Stage.CHAMPION, ANN, GateVerdict())
    with pytest.raises(Missing, match="version-known"):
        move(now, "lead-9", Stage.CHAMPION, ANN, GateVerdict())


def test_a_failed_gate_refuses_and_an_override_is_marked() -> None:
    _, now = after()
    bad = GateResult(name="g", value=None, limit=1.0, passed=False)
    with pytest.raises(GateRefusal, match="did not pass: g") as refusal:
        move(now, "lead-1", Stage.CHAMPION, ANN, GateVerdict(gates=(bad,)))
    assert refusal.value.results == (bad,)
    assert refusal.value.exit_code == 1
    made = move(now, "lead-1", Stage.CHAMPION, ANN, GateVerdict(gates=(bad,), override=True))
    assert made[-1].override
    good = GateResult(name="g", value=1.0, limit=1.0, passed=True)
    made = move(now, "lead-1", Stage.CHAMPION, ANN, GateVerdict(gates=(good,), override=True))
    assert not made[-1].override


def test_a_verdict_on_another_champion_is_no_verdict() -> None:
    _, now = after(("lead-1", Stage.CHAMPION))
    with pytest.raises(Refused, match="champion-unchanged"):
        move(now, "lead-2", Stage.CHAMPION, ANN, GateVerdict(champion=""))
    assert move(now, "lead-2", Stage.CHAMPION, ANN, GateVerdict(champion="lead-1"))


def test_a_rollout_needs_both_arms() -> None:
    _, now = after(("lead-1", Stage.CHALLENGER))
    with pytest.raises(NoModel, match="rollout-arms"):
        start_rollout(now, ArmAllocation(""), ANN)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_outside_0_and_1_are_refused(weight: float) -> None:
    with pytest.raises(BadInput, match="rollout-weight"):
        Rollout(id="r", champion="a-1", challenger="a-2", weight=weight, started="")


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("x", " ")])
def test_a_change_has_an_author_and_a_reason(by: str, reason: str) -> None:
    with pytest.raises(BadInput):
        Author(by, reason)
