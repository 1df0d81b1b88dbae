"""The proof: what is planted is found, with the way there; what is sound is left alone."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import Refused
from tests.workflow.charts import (
    HOUR,
    NOON,
    chart_of,
    decided,
    document,
    event,
    lead,
    small,
    standard,
)
from workflow.chart.facts import LeadFacts
from workflow.chart.statechart import Statechart
from workflow.chart.step import step
from workflow.proof.cells import axes
from workflow.proof.check import WorkflowFinding, check
from workflow.proof.configuration import Explorer, GuardCells

END: dict[str, Any] = {"final": True}


def timed(event: str = "t", days: float = 1, **more: Any) -> dict[str, Any]:
    return {"timers": {event: {"after": {"days": days}}}, **more}


def found(chart: Statechart) -> dict[str, WorkflowFinding]:
    """The first finding of each rule."""
    return {finding.rule: finding for finding in reversed(check(chart).findings)}


def test_the_standard_workflow_is_sound() -> None:
    proof = check(standard())
    assert proof.findings == ()
    assert proof.configurations > 500


def unreachable(states: dict[str, Any]) -> None:
    del states["new"]["transitions"]["interested"]
    del states["nurture"]["transitions"]["interested"]


def never_taken(states: dict[str, Any]) -> None:
    states["new"]["transitions"]["decided"].append(
        {"to": "nurture", "when": "eligible and grade == 'A' and action == 'contact'"}
    )


def shadowed(states: dict[str, Any]) -> None:
    states["rejected"]["transitions"]["reroute"].append({"to": "lost"})


def waits_forever(states: dict[str, Any]) -> None:
    states["working"]["timers"] = {}
    del states["working"]["transitions"]["stalled"]


def waits_after_a_timer(states: dict[str, Any]) -> None:
    del states["accepted"]["timers"]["contact_due"]
    del states["accepted"]["transitions"]["contact_due"]


def waits_where_a_guard_fails(states: dict[str, Any]) -> None:
    states["expired"]["transitions"]["reroute"].pop()


def way_round(states: dict[str, Any]) -> None:
    states["engaged"]["transitions"]["interested"] = [{"to": "accepted"}]


def requirement(states: dict[str, Any]) -> None:
    states["rejected"]["transitions"]["reroute"][0]["when"] = "attempts < 3"


def endless(states: dict[str, Any]) -> None:
    again = {"to": "qualified", "when": "eligible"}
    states["expired"]["transitions"]["reroute"] = [again, {"to": "nurture"}]


def endless_by_forgetting(states: dict[str, Any]) -> None:
    states["expired"]["forgets_attempts"] = True


def flaps(states: dict[str, Any]) -> None:
    del states["nurture"]["transitions"]["decided"][0]["dwell"]
    states["qualified"]["transitions"]["decided"][1] = {"to": "nurture", "when": "grade == 'A'"}


PLANTED: list[tuple[Callable[[dict[str, Any]], None], str, str]] = [
    (unreachable, "unreachable", "engaged"),
    (never_taken, "never-taken", "new.decided[1]"),
    (shadowed, "never-taken", "rejected.reroute[2]"),
    (waits_forever, "waits-forever", "working"),
    (waits_after_a_timer, "waits-forever", "accepted"),
    (waits_where_a_guard_fails, "waits-forever", "expired"),
    (way_round, "way-round", "accepted"),
    (requirement, "requirement-broken", "qualified"),
    (endless, "endless-timers", ""),
    (endless_by_forgetting, "endless-timers", ""),
    (flaps, "flaps", ""),
]


@pytest.mark.parametrize(("plant", "rule", "where"), PLANTED)
def test_what_is_planted_is_found_with_the_way_there(
    plant: Callable[[dict[str, Any]], None], rule: str, where: str
) -> None:
    changed = document()
    plant(changed["states"])
    finding = found(chart_of(changed))[rule]
    assert where in finding.where
    if rule not in ("unreachable", "never-taken"):
        assert finding.path[0] == "begins in new"
        assert len(finding.path) > 1


def test_the_counterexample_can_be_walked() -> None:
    changed = document()
    requirement(changed["states"])
    chart = chart_of(changed)
    finding = found(chart)["requirement-broken"]
    names = [line.partition(":")[0].partition(" (")[0] for line in finding.path[1:]]
    facts = {"eligible=true": True, "eligible=false": False}
    at, now = lead(chart), NOON
    for number, (name, line) in enumerate(zip(names, finding.path[1:], strict=True), 1):
        now += 400 * 24 * HOUR
        each = event(name, number, owner="anna" if name == "assigned" else "")
        if name == "decided":
            eligible = next(value for text, value in facts.items() if text in line)
            grade = line.partition("grade='")[2][:1]
            each = decided(LeadFacts(eligible=eligible, action="contact", grade=grade), number)
        at = step(chart, at, each, now).lead
    assert at.state == "qualified"
    assert not at.facts.eligible


def test_a_dead_end_of_two_states_is_found() -> None:
    chart = small(
        a=timed(transitions={"t": [{"to": "b"}], "go": [{"to": "end"}]}),
        b=timed(transitions={"t": [{"to": "c"}]}),
        c=timed(transitions={"t": [{"to": "b"}]}),
        end=END,
    )
    assert found(chart)["dead-end"].path == ("begins in a", "t: to b")
    assert "endless-timers" in found(chart)


def test_a_threshold_without_a_gap_flaps_and_one_with_a_gap_does_not() -> None:
    def between(least: str, below: str) -> Statechart:
        to_b = {"t": [{"to": "end"}], "decided": [{"to": "b", "when": f"score >= {least}"}]}
        to_a = {"t": [{"to": "end"}], "decided": [{"to": "a", "when": f"score < {below}"}]}
        return small(a=timed(transitions=to_b), b=timed(transitions=to_a), end=END)

    flap = found(between("0.3", "0.3"))["flaps"]
    assert flap.where == "a, b"
    assert len(flap.path) == 3
    assert found(between("0.3", "0.2")) == {}


def test_a_dwell_that_a_timer_outlasts_holds_and_one_that_it_does_not_is_found() -> None:
    def dwelling(days: float) -> Statechart:
        moves = {"t": [{"to": "end", "dwell": {"days": days}}]}
        return small(a=timed(days=5, transitions=moves), end=END)

    assert found(dwelling(5)) == {}
    assert "waits-forever" in found(dwelling(6))


def test_a_service_level_may_be_shorter_than_any_dwell() -> None:
    timer = {"after": {"days": 5}, "service_level": 1}
    moves = {"t": [{"to": "end", "dwell": {"hours": 1}}]}
    assert "waits-forever" in found(
        small(a={"timers": {"t": timer}, "transitions": moves}, end=END)
    )
    moves["t"] = [{"to": "end"}]
    assert found(small(a={"timers": {"t": timer}, "transitions": moves}, end=END)) == {}


def test_an_event_that_no_state_takes_is_found() -> None:
    changed = document()
    changed["events"]["called"] = {"source": "person"}
    assert found(chart_of(changed))["unused-event"].where == "called"


@pytest.mark.parametrize(
    "guard",
    [
        "score > percentile",
        "score * 2 > 1",
        "contains(queue, 'x')",
        "len(queue) > 2",
        "grade == action",
        "(score > 0.5 ? eligible : owned)",
    ],
)
def test_a_guard_that_cannot_be_proven_is_a_finding(guard: str) -> None:
    moves = {"t": [{"to": "end"}], "decided": [{"to": "end", "when": guard}]}
    assert found(small(a=timed(transitions=moves), end=END))["unproven"].where.startswith(
        "states.a"
    )


def test_what_is_too_large_is_refused() -> None:
    letters = ", ".join(f"'{n}'" for n in range(150))
    many = f"grade in [{letters}] or queue in [{letters}]"
    moves = {"t": [{"to": "end"}], "decided": [{"to": "end", "when": many}]}
    with pytest.raises(Refused) as raised:
        check(small(a=timed(transitions=moves), end=END))
    assert raised.value.rule == "workflow-size"


FACTS = st.builds(
    LeadFacts,
    eligible=st.booleans(),
    action=st.sampled_from(["contact", "nurture", ""]),
    grade=st.sampled_from(["A", "B", "C", "D", "?"]),
    score=st.floats(0, 1),
)
CHART = standard()
CELLS = GuardCells(CHART)
GRAPH = Explorer(CHART, CELLS).reach()
REACHED = {(at.state, at.timers, at.asks, at.attempts, at.owned) for at in GRAPH}
EVENTS = sorted(
    {name for state in CHART.states.values() for name in (*state.transitions, *state.timers)}
)


@limits(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(EVENTS), FACTS, st.integers(0, 90 * 24)), max_size=40)
)
def test_no_lead_ever_is_where_the_proof_did_not_look(
    steps: list[tuple[str, LeadFacts, int]],
) -> None:
    at, now = lead(CHART), NOON
    for number, (name, facts, hours) in enumerate(steps, 1):
        now += hours * HOUR
        each = event(name, number, owner="anna" if name == "assigned" else "")
        at = step(CHART, at, decided(facts, number) if name == "decided" else each, now).lead
        timers = frozenset(timer.event for timer in at.timers)
        attempts = min(at.attempts, CELLS.most_attempts or 0)
        assert (at.state, timers, at.asks, attempts, bool(at.owner)) in REACHED


def test_values_stand_at_and_between_the_numbers_that_guards_name() -> None:
    moves = {"t": [{"to": "end"}], "decided": [{"to": "end", "when": "score in [0.2..0.6]"}]}
    chart = small(a=timed(transitions=moves), end=END)
    assert axes(chart.guards()).values == {"score": (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)}
