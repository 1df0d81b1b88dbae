"""When a rollout advances, waits and goes back: what holds whatever the plan and the evidence."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import iso
from domain.errors import BadInput
from registry.rollout_decision import HOUR_US, ArmFigures, Judged, RolloutEvidence, decide
from registry.rollout_spec import RolloutSpec, begin, course_of
from registry.rollout_state import Rollout, RolloutLimits, RolloutStep

BEGUN = 1_767_225_600_000_000  # 2026-01-01
shares = st.floats(0, 1)
measured = st.none() | shares
dwells = st.floats(0, 100)


@st.composite
def plans(draw: st.DrawFn) -> Rollout:
    found = draw(st.lists(st.floats(0.01, 0.9), min_size=1, max_size=4, unique=True))
    steps = tuple(
        RolloutStep(weight=w, dwell_hours=draw(dwells), decisions=draw(st.integers(0, 50)))
        for w in sorted(found)
    )
    limits = RolloutLimits(
        error_rate=draw(measured),
        p99_ms=draw(st.none() | st.floats(1, 100)),
        degraded=draw(measured),
        after=draw(st.integers(0, 30)),
    )
    course = RolloutSpec(
        steps=steps,
        limits=limits,
        holdout=0.05,
        needs_pass=draw(st.sampled_from([True, False, None])),
    )
    plan = begin(course, "rollout-1", "model", ("a-1", "a-2"), iso(BEGUN))
    at = draw(st.integers(0, len(steps) - 1))
    return msgspec.structs.replace(plan, step=at, weight=steps[at].weight, held=draw(st.booleans()))


figures = st.builds(
    ArmFigures,
    decisions=st.none() | st.integers(0, 100),
    error_rate=measured,
    p99_ms=st.none() | st.floats(0, 200),
    degraded=measured,
)
verdicts = st.none() | st.builds(
    Judged, name=st.just("canary-1"), outcome=st.sampled_from(["pass", "fail", "inconclusive"])
)
evidences = st.builds(
    RolloutEvidence,
    rollout=st.just("rollout-1"),
    step=st.integers(0, 3),
    figures=figures,
    judged=verdicts,
)
moments = st.integers(BEGUN, BEGUN + 200 * HOUR_US)


def breached(plan: Rollout, held: ArmFigures) -> bool:
    pairs = [
        (getattr(held, n), getattr(plan.limits, n)) for n in ("error_rate", "p99_ms", "degraded")
    ]
    enough = (held.decisions or 0) >= plan.limits.after
    return enough and any(v is not None and m is not None and v > m for v, m in pairs)


@given(plans(), moments, evidences)
def test_any_breached_limit_and_any_failed_verdict_rolls_back_and_nothing_else(
    plan: Rollout, now: int, evidence: RolloutEvidence
) -> None:
    failed = evidence.judged is not None and evidence.judged.outcome == "fail"
    found = decide(plan, iso(now), evidence)
    assert (found.action == "roll_back") == (breached(plan, evidence.figures) or failed)
    assert found.reasons


@st.composite
def ripe(draw: st.DrawFn) -> tuple[Rollout, int, RolloutEvidence]:
    """A rollout against whose next step nothing speaks."""
    plan = draw(plans().filter(lambda p: p.next_step is not None))
    step, limits = plan.steps[plan.step], plan.limits
    held = ArmFigures(
        decisions=step.decisions + draw(st.integers(0, 50)),
        error_rate=(limits.error_rate or 0.0) * draw(shares),
        p99_ms=(limits.p99_ms or 0.0) * draw(shares),
        degraded=(limits.degraded or 0.0) * draw(shares),
    )
    judged = Judged(name="canary-1", outcome="pass")
    evidence = RolloutEvidence(rollout=plan.id, step=plan.step, figures=held, judged=judged)
    now = BEGUN + math.ceil(step.dwell_hours * HOUR_US) + draw(st.integers(1, HOUR_US))
    return msgspec.structs.replace(plan, held=False), now, evidence


@given(ripe())
def test_it_advances_when_nothing_speaks_against_it_and_once_only(
    case: tuple[Rollout, int, RolloutEvidence],
) -> None:
    plan, now, evidence = case
    first = decide(plan, iso(now), evidence)
    assert first == decide(plan, iso(now), evidence)
    assert first.action == "advance"
    at = plan.next_step
    assert at is not None
    after = msgspec.structs.replace(plan, step=at, weight=plan.steps[at].weight, since=iso(now))
    assert decide(after, iso(now), evidence).action == "hold"


@given(ripe(), st.data())
def test_each_thing_that_speaks_against_it_keeps_it(
    case: tuple[Rollout, int, RolloutEvidence], data: st.DataObject
) -> None:
    plan, now, evidence = case
    step, replace = plan.steps[plan.step], msgspec.structs.replace
    spoilt: dict[str, tuple[Rollout, int, RolloutEvidence]] = {
        "held": (replace(plan, held=True), now, evidence),
        "of another step": (plan, now, replace(evidence, step=plan.step + 1)),
        "no step left": (replace(plan, steps=plan.steps[: plan.step + 1]), now, evidence),
    }
    if step.dwell_hours > 1e-6:
        early = BEGUN + math.floor(step.dwell_hours * HOUR_US * data.draw(st.floats(0, 0.999)))
        spoilt["too early"] = (plan, early, evidence)
    if step.decisions:
        few = data.draw(st.none() | st.integers(0, step.decisions - 1))
        held = replace(evidence.figures, decisions=few)
        spoilt["too few"] = (plan, now, replace(evidence, figures=held))
    for name in ("error_rate", "p99_ms", "degraded"):
        if getattr(plan.limits, name) is not None:
            held = replace(evidence.figures, **{name: None})
            spoilt[f"{name} unknown"] = (plan, now, replace(evidence, figures=held))
    if plan.needs_pass is not False:
        judged = Judged(name="canary-1", outcome="inconclusive")
        spoilt["inconclusive"] = (plan, now, replace(evidence, judged=judged))
    if plan.needs_pass:
        spoilt["no verdict"] = (plan, now, replace(evidence, judged=None))
    for why, (a, b, c) in spoilt.items():
        assert decide(a, iso(b), c).action == "hold", why


@given(ripe(), st.data())
def test_what_is_not_proven_when_patience_ends_goes_back(
    case: tuple[Rollout, int, RolloutEvidence], data: st.DataObject
) -> None:
    plan, now, evidence = case
    days = (now - BEGUN) / HOUR_US / 24
    patient = msgspec.structs.replace(plan, needs_pass=True, patience_days=2 * days)
    undecided = msgspec.structs.replace(
        evidence, judged=data.draw(st.none() | st.just(Judged(name="v", outcome="inconclusive")))
    )
    late = BEGUN + 2 * (now - BEGUN) + HOUR_US
    assert decide(patient, iso(now), undecided).action == "hold"
    given_up = decide(patient, iso(late), undecided)
    assert given_up.action == "roll_back"
    assert given_up.reasons[0].startswith("undecided after")
    replace = msgspec.structs.replace
    assert decide(replace(patient, held=True), iso(late), undecided).action == "hold"
    assert decide(replace(patient, patience_days=None), iso(late), undecided).action == "hold"
    of_before = replace(undecided, step=plan.step + 1)
    assert decide(patient, iso(late), of_before).action == "hold"
    assert decide(patient, iso(late), evidence).action == "advance", "proven late is proven"
    last = replace(patient, steps=plan.steps[: plan.step + 1])
    assert decide(last, iso(late), evidence).action == "hold", "a person may take long"


@given(plans(), moments, evidences)
def test_evidence_of_another_rollout_moves_nothing(
    plan: Rollout, now: int, evidence: RolloutEvidence
) -> None:
    other = msgspec.structs.replace(evidence, rollout="rollout-2")
    assert decide(plan, iso(now), other).action == "hold"


def test_a_rollout_from_step_to_step() -> None:
    document = {
        "steps": [
            {"weight": 0.05, "dwell_hours": 24, "decisions": 500},
            {"weight": 0.2, "dwell_hours": 24},
        ],
        "limits": {"degraded": 0.05},
    }
    plan = begin(course_of(document), "rollout-1", "model", ("a-1", "a-2"), iso(BEGUN))
    day = iso(BEGUN + 24 * HOUR_US)

    def said(now: str, **held: float) -> tuple[str, tuple[str, ...]]:
        found = msgspec.convert(held, ArmFigures)
        progress = decide(
            plan, now, RolloutEvidence(rollout="rollout-1", step=plan.step, figures=found)
        )
        return progress.action, progress.reasons

    assert said(iso(BEGUN + 6 * HOUR_US), decisions=40, degraded=0.01) == (
        "hold",
        ("6.00 hours have passed of 24", "40 decisions of 500"),
    )
    assert said(day, decisions=500) == ("hold", ("degraded has a limit and was not measured",))
    assert said(day, decisions=500, degraded=0.06) == (
        "roll_back",
        ("degraded is 0.06, the limit is 0.05",),
    )
    assert said(day, decisions=500, degraded=0.05) == (
        "advance",
        ("step 1 is done: weight 0.05 -> 0.2",),
    )
    plan = msgspec.structs.replace(plan, step=1, weight=0.2, since=day)
    assert said(iso(BEGUN + 99 * HOUR_US), decisions=1, degraded=0.0) == (
        "hold",
        ("every step is done: a person may finish it, or abort it",),
    )


def test_blue_green_needs_no_figures_of_an_arm_that_answers_nobody() -> None:
    course = RolloutSpec(mode="blue_green", limits=RolloutLimits(degraded=0.05))
    plan = begin(course, "rollout-1", "model", ("a-1", "a-2"), iso(BEGUN))
    assert plan.weight == 0
    found = decide(plan, iso(BEGUN), RolloutEvidence(rollout="rollout-1", step=0))
    assert (found.action, plan.next_step) == ("advance", 1)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"mode": "kanary"}, "mode"),
        ({"weight": 0.1}, "unknown field `weight`"),
        ({"steps": [{"weight": 0.1, "dwell": 3}]}, "unknown field `dwell` - at `$.steps[0]`"),
        ({"steps": [{"weight": 1.5}]}, "steps[0].weight"),
        ({"steps": [{"weight": 0.5}, {"weight": 0.2}]}, "must grow"),
        ({"steps": [{"weight": 0.5}, {"weight": 0.5}]}, "must grow"),
        ({"steps": [{"weight": 0.97}], "holdout": 0.05}, "must not exceed 1"),
        ({"mode": "blue_green", "holdout": 0.05}, "moves everybody"),
        ({"mode": "blue_green", "steps": [{"weight": 0.5}]}, "must be 0 and then 1"),
        ({"mode": "shadow", "steps": [{"weight": 0.5}]}, "one step of weight 0"),
        ({"mode": "holdout"}, "needs a share"),
        ({"mode": "holdout", "holdout": 0.1, "needs_pass": True}, "neither steps nor limits"),
        ({"mode": "holdout", "holdout": 0.1, "patience_days": 3}, "nor patience"),
        ({"steps": [{"weight": 0.1, "dwell_hours": 72}], "patience_days": 3}, "dwell_hours must"),
        ({"limits": {"error_rate": 0.1, "p98_ms": 3}}, "unknown field `p98_ms`"),
        ({"limits": {"degraded": 2}}, "limits.degraded"),
        ({"steps": [{"weight": 0.1, "decisions": -1}]}, "steps[0].decisions"),
        ([], "object"),
        (None, "object"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(document: object, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        course_of(document, "rollout.yaml")
    assert told in str(refused.value)
    assert str(refused.value).startswith("rollout.yaml: ")


@pytest.mark.parametrize("weight", [math.nan, -0.1, 1.1, math.inf])
def test_options_are_checked_as_files_are(weight: float) -> None:
    with pytest.raises(BadInput, match="rollout-weight"):
        RolloutSpec(steps=(RolloutStep(weight=weight),))
    with pytest.raises(BadInput, match="rollout-plan"):
        RolloutSpec(steps=(RolloutStep(weight=0.1, dwell_hours=math.nan),))


def test_plans_of_old_ledgers_are_read() -> None:
    old = b"""{"id":"rollout-5","kind":"model","champion":"lead-1","challenger":"lead-2",
    "weight":0.1,"mode":"shadow","started":"2026-01-01T00:00:00Z"}"""
    plan = msgspec.json.decode(old, type=Rollout)
    assert (plan.step, plan.steps, plan.in_words) == (0, (), "shadow")
    found = decide(plan, "2026-02-01T00:00:00Z", RolloutEvidence(rollout="rollout-5", step=0))
    assert found.action == "hold"
