"""The step: leads go where the file says, timers fire once, and a replay comes to the same."""

import msgspec
import yaml
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.decisions import DecisionRecord
from jobs.workflow.arrivals import facts_of
from serving.http import openapi_examples
from tests.workflow.charts import (
    CLOSED,
    DAY,
    GOOD,
    HOUR,
    NOON,
    POOR,
    chart_of,
    decided,
    document,
    event,
    lead,
    small,
    standard,
)
from workflow.chart.facts import LeadFacts
from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.chart.statechart import Statechart
from workflow.chart.step import LeadStep, migrated, step

CHART = standard()


def through(
    chart: Statechart, *events: WorkflowEvent, at_us: int = NOON, begin: WorkflowLead | None = None
) -> LeadStep:
    """The last of steps that are all taken at one moment."""
    at = lead(chart, at_us) if begin is None else begin
    for each in events:
        done = step(chart, at, each, at_us)
        at = done.lead
    return done


def test_a_good_decision_asks_for_an_owner_who_gets_the_lead() -> None:
    asking = through(CHART, decided(GOOD))
    assert (asking.lead.state, asking.lead.asks, asking.kind) == ("qualified", True, "moved")
    routed = through(CHART, event("assigned", owner="anna"), begin=asking.lead)
    assert (routed.lead.state, routed.lead.owner, routed.lead.attempts) == ("routed", "anna", 1)
    (effect,) = routed.effects
    assert (effect.connector, effect.action) == ("crm", "set_owner")
    assert effect.fields == {"owner": "anna", "grade": "A", "score": 0.5, "next_step": ""}
    assert effect.action_id == effect.key
    # two working hours from noon, and four
    assert [t.due_us - NOON for t in routed.lead.timers] == [2 * HOUR, 4 * HOUR]
    assert routed.due_us == NOON + 2 * HOUR


def test_who_is_not_eligible_stays_and_what_was_decided_is_kept() -> None:
    done = through(CHART, decided(CLOSED))
    assert (done.lead.state, done.kind, done.transition) == ("new", "stayed", "")
    assert done.lead.facts == CLOSED


def test_an_older_decision_changes_nothing() -> None:
    new = through(CHART, decided(POOR, 2)).lead
    done = step(CHART, new, decided(GOOD, 1), NOON)
    assert (done.lead, done.kind) == (new, "ignored")


def test_a_timer_fires_when_it_is_due_and_once() -> None:
    at = through(CHART, decided(GOOD), event("assigned", owner="anna")).lead
    early = step(CHART, at, event("acceptance_due"), NOON + 4 * HOUR - 1)
    assert (early.lead, early.kind) == (at, "ignored")
    fired = step(CHART, at, event("acceptance_due"), NOON + 4 * HOUR)
    assert (fired.lead.state, fired.lead.owner, fired.lead.former) == ("expired", "", ("anna",))
    assert [e.fields["owner"] for e in fired.effects] == ["anna"]
    assert step(CHART, fired.lead, event("acceptance_due"), NOON + 9 * DAY).kind == "ignored"


def test_expiry_goes_to_the_next_owner_and_after_three_to_marketing() -> None:
    at, now = through(CHART, decided(GOOD)).lead, NOON
    for owner in ("anna", "ben", "carl"):
        at = step(CHART, at, event("assigned", owner=owner), now).lead
        now += 7 * DAY
        at = step(CHART, at, event("acceptance_due"), now).lead
        assert at.state == "expired"
        now += HOUR
        at = step(CHART, at, event("reroute"), now).lead
    assert (at.state, at.attempts, at.former) == ("nurture", 0, ())


def test_a_timer_that_repeats_is_bounded_and_keeps_the_state() -> None:
    at, now, fired = through(CHART, decided(GOOD), event("unassigned")).lead, NOON, 0
    while any(timer.event == "assignment_retry" for timer in at.timers):
        now += HOUR
        at = step(CHART, at, event("assignment_retry"), now).lead
        assert at.asks
        at = step(CHART, at, event("unassigned"), now).lead
        fired += 1
    assert (at.state, fired) == ("qualified", 201)


def test_dwell_and_cool_down_keep_a_lead_from_going_back_and_forth() -> None:
    at = through(CHART, event("interested")).lead
    assert at.state == "engaged"
    now = NOON + 60 * DAY
    at = step(CHART, at, event("cooled"), now).lead
    at = step(CHART, at, decided(GOOD), now).lead
    assert at.state == "nurture", "14 days first"
    soon = step(CHART, at, event("interested"), now + DAY)
    assert soon.kind == "ignored", "engaged was left a day ago"
    assert step(CHART, at, event("interested", 2), now + 7 * DAY).lead.state == "engaged"
    assert step(CHART, at, decided(GOOD, 3), now + 14 * DAY).lead.state == "qualified"


def test_a_final_state_takes_nothing() -> None:
    won = through(CHART, event("won")).lead
    assert (won.state, won.due_us) == ("won", None)
    for name in ("decided", "accept", "won", "lost", "forgotten"):
        assert step(CHART, won, event(name), NOON).kind == "ignored"


def test_service_levels_run_by_the_owners_calendar() -> None:
    changed = document()
    changed["calendars"]["india"] = {"zone": "Asia/Kolkata", "begin": "10:00", "end": "18:00"}
    chart = chart_of(changed)
    at = through(chart, decided(GOOD), event("assigned", owner="anna", calendar="india")).lead
    # noon in UTC is 17:30 there: half an hour today, three and a half from 10:00 (04:30 UTC) on
    due = {timer.event: timer.due_us for timer in at.timers}
    assert due["acceptance_due"] == NOON - 12 * HOUR + DAY + 8 * HOUR


def within(service_level_h: float) -> LeadFacts:
    return msgspec.structs.replace(GOOD, service_level_h=service_level_h)


def offered(facts: LeadFacts, calendar: str = "default") -> dict[str, int]:
    """After how long a lead's timers fire that is offered at noon on a Monday."""
    at = through(CHART, decided(facts), event("assigned", owner="anna", calendar=calendar)).lead
    return {timer.event.removeprefix("acceptance_"): timer.due_us - NOON for timer in at.timers}


def test_a_decisions_service_level_is_kept_in_working_hours() -> None:
    assert offered(within(1)) == {"reminder": HOUR // 2, "due": HOUR}
    # five working hours are left on Monday: the other five of Tuesday end at 14:00
    assert offered(within(10)) == {"reminder": 5 * HOUR, "due": DAY + 2 * HOUR}
    assert offered(GOOD) == offered(within(0)) == {"reminder": 2 * HOUR, "due": 4 * HOUR}
    assert offered(within(float("nan"))) == offered(GOOD), "what is no number is none"
    assert offered(within(10_000))["due"] == offered(within(5_000))["due"], "it is bounded"


def test_a_service_level_that_comes_later_counts_the_next_time() -> None:
    at = through(CHART, decided(within(2)), event("assigned", owner="anna")).lead
    later = step(CHART, at, decided(within(1), 2), NOON + HOUR).lead
    assert later.timers == at.timers
    at = step(CHART, later, event("reject"), NOON + HOUR).lead
    at = step(CHART, at, event("reroute"), NOON + 2 * HOUR).lead
    at = step(CHART, at, event("assigned", owner="ben"), NOON + 2 * HOUR).lead
    assert max(timer.due_us for timer in at.timers) == NOON + 3 * HOUR


def test_a_timer_without_the_key_keeps_its_time_and_its_fingerprint() -> None:
    changed = document()
    for timer in changed["states"]["routed"]["timers"].values():
        del timer["service_level"]
    chart = chart_of(changed)
    at = through(chart, decided(within(1)), event("assigned", owner="anna")).lead
    assert [timer.due_us - NOON for timer in at.timers] == [2 * HOUR, 4 * HOUR]
    assert b"service_level" not in msgspec.json.encode(chart.spec), "what is hashed, and kept"


def test_a_timer_that_repeats_keeps_to_the_service_level() -> None:
    timer = {"after": {"days": 9}, "repeat": 3, "service_level": 1}
    stays = [{"effects": [{"connector": "x", "action": "y"}]}]
    chart = small(
        a={"transitions": {"go": [{"to": "b"}]}},
        b={"timers": {"t": timer}, "transitions": {"t": stays, "go": [{"to": "end"}]}},
        end={"final": True},
    )
    at = msgspec.structs.replace(lead(chart), facts=within(2))
    at = step(chart, at, event("go"), NOON).lead
    assert at.due_us == NOON + 2 * HOUR
    assert step(chart, at, event("t"), NOON + 2 * HOUR).lead.due_us == NOON + 4 * HOUR


def test_a_lead_of_a_former_version_goes_on_as_declared() -> None:
    changed = document()
    changed["version"] = 2
    changed = yaml.safe_load(yaml.safe_dump(changed).replace("routed", "offered"))
    renamed = chart_of(changed)
    at = through(CHART, decided(GOOD), event("assigned", owner="anna")).lead
    assert migrated(renamed, CHART, at, NOON) == at, "nothing is declared: it keeps its version"
    changed["migrates"] = [{"from_version": 1, "states": {"routed": "offered"}}]
    declared = chart_of(changed)
    brought = migrated(declared, CHART, at, NOON + HOUR)
    assert (brought.state, brought.chart) == ("offered", declared.fingerprint)
    assert set(brought.timers) == set(at.timers), "what was promised stays promised"


EVENTS = ["decided", "interested", "accept", "reject", "contact", "qualify", "complete", "won"]
EVENTS += ["lost", "assigned", "unassigned", "acceptance_due", "contact_due", "reroute", "cooled"]
happenings = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.sampled_from([GOOD, POOR, CLOSED]),
        st.integers(0, 20 * 24),
    ),
    max_size=30,
)


def play(drawn: list[tuple[str, object, int]], *, twice: bool) -> list[WorkflowLead]:
    at, now, states = lead(CHART), NOON, []
    for number, (name, facts, hours) in enumerate(drawn):
        now += hours * HOUR
        each = event(name, number, owner="anna" if name == "assigned" else "")
        if name == "decided":
            each = decided(facts, number)  # type: ignore[arg-type]
        before = at
        at = step(CHART, at, each, now).lead
        if twice:  # the same lead, event and moment
            assert step(CHART, before, each, now).lead == at
        states.append(at)
    return states


@limits(max_examples=150, deadline=None)
@given(drawn=happenings)
def test_the_same_events_lead_to_the_same_state(drawn: list[tuple[str, object, int]]) -> None:
    assert play(drawn, twice=True) == play(drawn, twice=False)


@limits(max_examples=150, deadline=None)
@given(drawn=happenings)
def test_what_holds_of_every_lead(drawn: list[tuple[str, object, int]]) -> None:
    for at in play(drawn, twice=False):
        state = CHART.states[at.state]
        assert (at.due_us is None) <= state.final, "a lead that is not over has a timer"
        assert state.owned or state.final or not at.owner
        assert {timer.event for timer in at.timers} <= set(state.timers)
        assert at.attempts <= 3


def test_effects_of_two_steps_never_share_a_key() -> None:
    first = through(CHART, decided(GOOD), event("assigned", owner="anna"))
    second = step(CHART, first.lead, event("acceptance_due"), NOON + 9 * DAY)
    keys = [effect.key for effect in (*first.effects, *second.effects)]
    assert len(set(keys)) == len(keys) == 2


def test_effects_of_a_state_come_after_those_of_the_transition() -> None:
    effects = [[{"connector": "x", "action": name}] for name in ("first", "second")]
    changed = {"to": "b", "effects": effects[0]}
    chart = small(
        a={"timers": {"t": {"after": {"days": 1}}}, "transitions": {"t": [changed]}},
        b={"final": True, "effects": effects[1]},
    )
    done = step(chart, lead(chart), event("t"), NOON + DAY)
    assert [effect.action for effect in done.effects] == ["first", "second"]


def test_what_a_decision_says_reaches_the_timer() -> None:
    record = msgspec.convert(openapi_examples.RECORD, DecisionRecord)
    said = msgspec.structs.replace(record.answer.decision, service_level_h=6.0)
    for decision, hours in ((said, 6.0), (msgspec.structs.replace(said, service_level_h=None), 0)):
        answer = msgspec.structs.replace(record.answer, decision=decision)
        facts = facts_of(msgspec.structs.replace(record, answer=answer))
        assert facts.service_level_h == hours
