"""Replays by what a policy's conditions tell apart: equal to the engine's, and to the audit's."""

import json
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.audit.replay import differences, replay
from decisions.backtest.propensities import chances
from decisions.backtest.remembered_policy import RememberedPolicy, remembered
from decisions.backtest.replay import Replayer, ReroutedDecision
from decisions.backtest.routed_record import FeaturedRecord, routing_of
from decisions.overrides.journal import OverrideDraft, OverrideJournal
from decisions.overrides.past import PastOverrides
from decisions.policy.policy import load_policy
from decisions.policy.zen_policy import ZenPolicy
from domain.clock import SystemClock
from domain.decisions import AppliedOverride, DecisionChange, Facts, overridden
from simulation.routed_leads import routed_leads
from tests.decisions.conftest import POLICIES, connect
from tests.monitoring.routed_world import routed_world

STANDARD = POLICIES / "standard.json"
NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, 2.0, 7.0, 14.0, 30.0, 90.0, 100.0, 999.0, 1000.0, -1.0, 1e-30]),
    st.floats(-10, 2000),
    st.floats(),
)


def with_tests(column: str, tests: list[str]) -> bytes:
    """The standard policy with a table that tests a column in these ways, the first hit."""
    document = json.loads(STANDARD.read_text())
    table = next(n for n in document["decision"]["nodes"] if n["id"] == "next_best")["content"]
    table["inputs"] = [{"id": "i", "name": "tested", "field": column}]
    ids = {c["field"]: c["id"] for c in table["outputs"]}
    table["rules"] = [
        {
            "_id": f"r{at}",
            "i": test,
            ids["next_best_action"]: f"'step_{at}'",
            ids["rule"]: f"'next.{at}'",
        }
        for at, test in enumerate([*tests, ""])
    ]
    return json.dumps(document).encode()


HARD = {
    "features.recency_d": [
        "$ - 5 > 2",
        "-$ > 3",
        "[1..2], > 1000",
        "(30..90]",
        "5, 8",
        "abs($) == 7",
        "not in [0, 1.5]",
        "!= 0 and < 100 or == 500",
        "> features.docs_view_recency_d",
        "== null",
    ],
    "features.recency_d * 2": ["> 14", "== 60"],
    "profile.country": ["'DE'", "startsWith($, 'F')", "len($) > 2", "== null", "in ['US', 'CA']"],
}


@st.composite
def any_facts(draw: st.DrawFn, policy: ZenPolicy) -> Facts:
    profile, features = policy.looks_at
    texts = st.one_of(st.none(), st.sampled_from(["DE", "FR", "US", "granted", "won", "", "x"]))
    score = draw(st.floats(0, 1))
    return Facts(
        score=score,
        percentile=draw(st.floats(0, 100)),
        grade=policy.grade(score),
        account_known=draw(st.booleans()),
        profile={n: draw(st.one_of(texts, NUMBERS)) for n in profile},
        features={n: draw(st.one_of(NUMBERS, texts)) for n in features},
    )


@pytest.mark.parametrize("name", ["standard", "generic", *HARD])
def test_what_is_remembered_is_what_the_engine_says(name: str, tmp_path: Path) -> None:
    file = POLICIES / f"{name}.json"
    if name in HARD:
        file = tmp_path / "hard.json"
        file.write_bytes(with_tests(name, HARD[name]))
    policy, memory = load_policy(file), remembered(file)
    assert memory.label == policy.label

    @given(st.lists(any_facts(policy), min_size=2, max_size=12))
    @settings(max_examples=60)
    def alike(many: list[Facts]) -> None:
        for facts in many:
            assert memory.decide(facts) == policy.decide(facts)

    alike()


def test_facts_of_one_cell_are_asked_for_once() -> None:
    memory = remembered(STANDARD)
    leads = routed_leads(3_000, 3)
    for facts in leads.facts:
        memory.decide(msgspec.structs.replace(facts, grade=memory.grade(facts.score)))
        nothing_else = {"recency_d": facts.features["recency_d"]}
        memory.decide(msgspec.structs.replace(facts, features=nothing_else, grade="C"))
    assert memory.evaluated < 4_000


def test_a_backtest_is_the_audits_replay() -> None:
    """Of 1,000 decisions, drawn ones among them, under their own policy and under another."""
    policy = load_policy(STANDARD)
    world = routed_world(routed_leads(1_000, 8), policy, 8)
    generic = load_policy(POLICIES / "generic.json")
    own = Replayer(None, remembered(STANDARD), lambda _: None, {})
    other = Replayer(
        remembered(STANDARD), remembered(POLICIES / "generic.json"), lambda _: None, {}
    )
    drawn = 0
    for record in world.records:
        slim = msgspec.json.decode(msgspec.json.encode(record), type=FeaturedRecord)
        undrawn = msgspec.structs.replace(record, drawn=None)
        drawn += record.drawn is not None
        assert differences(record, policy) == []
        assert own.replay(slim).was == own.replay(slim).now == replay(undrawn, policy)
        assert other.replay(slim).now == replay(undrawn, generic)
    assert drawn > 200


def test_chances_are_those_that_come_about() -> None:
    """Over many accounts, each routing comes about as often as its recorded chance says."""
    policy = remembered(STANDARD)
    world = routed_world(routed_leads(6_000, 9), policy, 9, holdout=0.5)
    said: dict[bool, float] = {True: 0.0, False: 0.0}
    came: dict[bool, int] = {True: 0, False: 0}
    for record in world.records:
        slim = msgspec.json.decode(msgspec.json.encode(record), type=FeaturedRecord)
        odds = chances(slim, lambda _: policy)
        assert odds is not None
        assert sum(odds.values()) == pytest.approx(1)
        own, routed = routing_of(slim.own), routing_of(slim.answer.decision)
        said[True] += odds[own]
        said[False] += 1 - odds[own]
        came[routed == own] += 1
    assert came[False] > 500
    assert came[False] == pytest.approx(said[False], abs=5 * said[False] ** 0.5)


@pytest.mark.parametrize("mode", ["holdout", "canary"])
def test_an_override_is_kept_under_both_policies(mode: Literal["holdout", "canary"]) -> None:
    """It moves nobody, what it does not name moves as policies say, and no draw is supposed."""
    policy, generic = remembered(STANDARD), remembered(POLICIES / "generic.json")
    change = DecisionChange(queue="partners", action="contact")
    weight = 0.4 if mode == "canary" else 0.0
    replayer = Replayer(None, generic, {policy.label: policy}.get, {})
    same = Replayer(None, policy, {policy.label: policy}.get, {})
    kept = moved = 0
    for record in routed_world(routed_leads(300, 4), policy, 4).records:
        plan = msgspec.structs.replace(record.assigned[0], mode=mode, weight=weight)
        facts = record.facts
        own, other = policy.decide(facts), generic.decide(graded(facts, generic))
        now = overridden(own, 7, change, "a partner")
        if now is None:
            continue
        answer = msgspec.structs.replace(record.answer, decision=now)
        by_hand = AppliedOverride(
            number=7, of="lead", change=change, reason="a partner", instead_of=own
        )
        made = msgspec.structs.replace(
            record,
            answer=answer,
            drawn=None,
            override=by_hand,
            assigned=(plan,),
            shadow_decisions={generic.label: other} if weight else {},
        )
        assert differences(made, load_policy(STANDARD)) == []
        slim = msgspec.json.decode(msgspec.json.encode(made), type=FeaturedRecord)
        assert slim.own == own
        assert same.replay(slim).was == same.replay(slim).now == now
        one = replayer.replay(slim)
        assert one.was == now
        assert one.now == (overridden(other, 7, change, "a partner") or other)
        assert one.all_draws is not None
        alike = routing_of(one.was) == routing_of(one.now)
        expected = 1.0 if alike or not weight else 1 - weight
        assert one.all_draws.routed == one.all_draws.was == pytest.approx(expected)
        assert one.all_draws.now == pytest.approx(1.0 if alike else weight)
        assert one.own_draw is None
        kept, moved = kept + (one.now.queue == "partners"), moved + (not alike)
    assert kept == replayer.overridden > 100
    assert moved > 0


def graded(facts: Facts, policy: RememberedPolicy) -> Facts:
    return msgspec.structs.replace(facts, grade=policy.grade(facts.score))


def test_facts_that_were_not_looked_at_are_read_from_features(tmp_path: Path) -> None:
    policy = load_policy(STANDARD)
    record = routed_world(routed_leads(1, 2), policy, 2).records[0]
    facts = msgspec.structs.replace(record.facts, features={}, profile={"outcome": None})
    bare = msgspec.structs.replace(
        record, facts=facts, features=(3.0, None, 500.0), texts=("DE", "granted")
    )
    names = {"standard_v1": (["recency_d", "meeting_recency_d", "employees"], ["country"])}
    names["standard_v1"][1].append("consent")
    replayer = Replayer(None, remembered(STANDARD), lambda _: None, names)
    slim = msgspec.json.decode(msgspec.json.encode(bare), type=FeaturedRecord)
    complete = replayer.replay(slim).facts
    assert complete.features["recency_d"] == 3.0
    assert complete.profile["employees"] == 500.0
    assert complete.profile["country"] == "DE"
    assert complete.features["docs_view_recency_d"] is None
    assert replayer.filled == 1


def test_an_override_that_had_no_say_counts_where_the_lead_is_eligible(tmp_path: Path) -> None:
    """Under the old policy it was not eligible: no record has the override, the journal does."""
    policy, generic = remembered(STANDARD), remembered(POLICIES / "generic.json")
    journal = OverrideJournal(connect(tmp_path / "audit.db"), SystemClock())
    records = [
        msgspec.json.decode(msgspec.json.encode(record), type=FeaturedRecord)
        for record in routed_world(routed_leads(300, 4), policy, 4).records
    ]
    chosen = next(
        one
        for one in records
        if not one.own.eligible and generic.decide(graded(one.facts, generic)).eligible
    )
    lead, at_us = chosen.answer.lead_id, chosen.as_of_us
    override = OverrideDraft(
        of="lead",
        subjects=(lead,),
        change=DecisionChange(queue="partners"),
        from_us=at_us - 10,
        until_us=at_us + 10,
        reason="a partner",
        by="jo",
    )
    journal.append(override)
    plain = generic.decide(graded(chosen.facts, generic))

    def replayed(record: FeaturedRecord) -> ReroutedDecision:
        past = PastOverrides(journal.entries())
        return Replayer(None, generic, {policy.label: policy}.get, {}, past).replay(record)

    done = replayed(chosen)
    assert (done.was, done.now.queue) == (chosen.own, "partners")
    assert done.now.rules == (*plain.rules, "override.1")
    for moved_us in (-11, 10):
        other = msgspec.structs.replace(chosen, as_of_us=at_us + moved_us)
        assert replayed(other).now == plain, "it did not hold then"
    journal.append(OverrideDraft(of="lead", withdraws=1, from_us=at_us, reason="over", by="jo"))
    assert replayed(chosen).now == plain, "it was withdrawn by then"
    before = msgspec.structs.replace(chosen, as_of_us=at_us - 1)
    assert replayed(before).now.queue == "partners"
