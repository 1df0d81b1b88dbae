"""Routing drawn at random: among the policy's own, blind to the score, the same each time."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from decisions.audit.replay import differences, replay, shadow_differences
from decisions.policy.holdout import draw, routings
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import DecisionRecord, Facts
from tests.decisions.conftest import MakeRecord

WITHDRAWN: dict[str, float | str | None] = {
    "consent": "withdrawn",
    "country": "DE",
    "employees": 2000.0,
}


def facts_of(policy: ZenPolicy, score: float, **profile: float | str | None) -> Facts:
    return Facts(
        score=score,
        percentile=50.0,
        grade=policy.grade(score),
        account_known=True,
        profile={"country": "DE", "employees": 250.0, "consent": "granted", **profile},
        features={"recency_d": 3.0},
    )


def test_the_possible_routings_are_those_of_this_lead(standard: ZenPolicy) -> None:
    found = routings(standard, facts_of(standard, 0.5))
    assert {(d.action, d.queue) for d in found} == {
        ("contact", "mid_market_emea"),
        ("nurture", "nurture"),
    }
    assert all(d.eligible for d in found)
    assert len({(d.action, d.queue, d.priority) for d in found}) == len(found) == 4


def test_who_may_not_be_contacted_is_not(standard: ZenPolicy) -> None:
    for score in (0.01, 0.9):
        facts = facts_of(standard, score, **WITHDRAWN)
        for n in range(50):
            decision, drawn = draw(standard, facts, f"acct_{n}", "rollout-1")
            assert not decision.eligible
            assert decision == drawn.instead_of
            assert drawn.among == 1


@given(st.floats(0, 1), st.floats(0, 1), st.text(max_size=9))
def test_the_score_has_no_say(standard: ZenPolicy, one: float, other: float, account: str) -> None:
    a, b = (draw(standard, facts_of(standard, s), account, "rollout-1") for s in (one, other))
    assert a[0] == b[0]
    assert a[1].instead_of == standard.decide(facts_of(standard, one))


def test_each_routing_is_as_likely_as_any_other(standard: ZenPolicy) -> None:
    facts = facts_of(standard, 0.5)
    counted = Counter(
        msgspec.json.encode(draw(standard, facts, f"acct_{n}", "rollout-1")[0])
        for n in range(2_000)
    )
    assert len(counted) == 4
    assert chisquare(list(counted.values())).pvalue > 1e-4


def drawn_record(make_record: MakeRecord, policy: ZenPolicy, lead: str) -> DecisionRecord:
    record = make_record(lead_id=lead)
    decision, drawn = draw(policy, record.facts, record.account_id, "rollout-1")
    answer = msgspec.structs.replace(record.answer, decision=decision, arm="holdout")
    return msgspec.structs.replace(record, answer=answer, drawn=drawn)


def test_a_drawn_decision_replays_from_its_record(
    make_record: MakeRecord, standard: ZenPolicy, generic: ZenPolicy
) -> None:
    record = drawn_record(make_record, standard, "lead_7")
    kept = msgspec.json.decode(msgspec.json.encode(record), type=DecisionRecord)
    assert kept == record
    assert replay(kept, standard) == record.answer.decision
    assert differences(kept, standard) == []
    assert differences(kept, generic)


def test_a_draw_that_was_tampered_with_is_told(
    make_record: MakeRecord, standard: ZenPolicy
) -> None:
    record = drawn_record(make_record, standard, "lead_7")
    assert record.drawn is not None
    replace = msgspec.structs.replace
    forged = replace(record, drawn=replace(record.drawn, among=2))
    assert "routings to draw from was 2, is 4" in differences(forged, standard)
    other = replace(record.drawn.instead_of, queue="mine")
    forged = replace(record, drawn=replace(record.drawn, instead_of=other))
    assert differences(forged, standard) == [
        "without the draw queue was 'mine', is 'mid_market_emea'"
    ]
    picked = replace(record.answer.decision, queue="mine")
    forged = replace(record, answer=replace(record.answer, decision=picked))
    assert any(line.startswith("queue was 'mine'") for line in differences(forged, standard))


def test_what_a_policy_said_unheard_replays(
    make_record: MakeRecord, standard: ZenPolicy, generic: ZenPolicy
) -> None:
    record = make_record()
    grade = generic.grade(record.facts.score)
    said = generic.decide(msgspec.structs.replace(record.facts, grade=grade))
    record = msgspec.structs.replace(record, shadow_decisions={generic.label: said})
    assert shadow_differences(record, generic) == differences(record, standard) == []
    other = msgspec.structs.replace(said, priority=9)
    record = msgspec.structs.replace(record, shadow_decisions={generic.label: other})
    assert shadow_differences(record, generic) == ["generic-1 priority was 9, is 1"]
    assert shadow_differences(record, standard) == ["nothing is recorded of standard-1"]


def test_records_of_before_are_read(make_record: MakeRecord, standard: ZenPolicy) -> None:
    held = msgspec.to_builtins(make_record())
    for name in ("assigned", "shadow_decisions", "drawn"):
        del held[name]
    del held["answer"]["arms"]
    record = msgspec.json.decode(msgspec.json.encode(held), type=DecisionRecord)
    assert record.answer.arms.policy == record.answer.arms.model == "champion"
    assert differences(record, standard) == []
