"""The shipped policies: golden decisions read off the tables, and any facts at all."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.policy.policy import check_policy, load_policy
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import Facts
from domain.definition import parse_definition
from domain.ports import Policy
from domain.scores import Decision

ACTIONS = {"contact", "nurture", "self_serve", "hold", "none"}


def facts(grade: str, *, account_known: bool = True, **named: Any) -> Facts:
    profile = {"country", "employees", "consent", "satisfaction"}
    return Facts(
        score=0.5,
        percentile=90.0,
        grade=grade,
        account_known=account_known,
        profile={k: v for k, v in named.items() if k in profile},
        features={k: v for k, v in named.items() if k not in profile},
    )


GOLDEN = [
    (
        facts("A", country="DE", employees=5000.0, consent="granted", demo_request_recency_d=1.0),
        ("contact", "enterprise_emea", 1, "call_now"),
        ("eligibility.consent_granted", "routing.a_enterprise_emea", "next.demo_fresh"),
    ),
    (
        facts("A", country="US", employees=100.0, meeting_recency_d=7.0),
        ("contact", "mid_market_americas", 1, "send_proposal"),
        ("eligibility.default", "routing.a_mid_market_americas", "next.after_meeting"),
    ),
    (
        facts("B", country="JP", employees=999.5, pricing_view_rate_7d=2.0),
        ("contact", "mid_market_apac", 2, "discuss_pricing"),
        ("eligibility.default", "routing.b_mid_market_apac", "next.pricing_interest"),
    ),
    (
        facts("B", country="AQ", employees=1000.0),
        ("contact", "enterprise_global", 2, "write_email"),
        ("eligibility.default", "routing.b_enterprise_global", "next.contact_default"),
    ),
    (
        facts("A", employees=99.0, sales_activity_recency_d=0.5, demo_request_recency_d=0.1),
        ("contact", "small_business", 2, "await_reply"),
        ("eligibility.default", "routing.a_account", "next.await_reply"),
    ),
    (
        facts("A", account_known=False, demo_request_recency_d=3.0),
        ("self_serve", "self_serve", 2, "send_demo_recording"),
        ("eligibility.default", "routing.a_no_account", "next.self_serve_demo"),
    ),
    (
        facts("B", account_known=False, sign_up_recency_d=2.0),
        ("self_serve", "self_serve", 3, "onboarding_sequence"),
        ("eligibility.default", "routing.b_no_account", "next.self_serve_new"),
    ),
    (
        facts("C", employees=4000.0, docs_view_recency_d=2.0),
        ("nurture", "development", 3, "send_technical_guide"),
        ("eligibility.default", "routing.c_enterprise", "next.nurture_docs"),
    ),
    (
        facts("D", recency_d=91.0),
        ("nurture", "nurture", 5, "leave_alone"),
        ("eligibility.default", "routing.d_account", "next.nurture_silent"),
    ),
    (
        facts("A", employees=9000.0, severe_ticket_recency_d=6.9),
        ("hold", "customer_care", 2, "settle_support_case"),
        ("eligibility.severe_ticket", "routing.hold", "next.hold"),
    ),
    (
        facts("B", ticket_recency_d=30.0, satisfaction=2.0),
        ("hold", "customer_care", 2, "settle_support_case"),
        ("eligibility.dissatisfied", "routing.hold", "next.hold"),
    ),
]


@pytest.mark.parametrize(("asked", "answer", "rules"), GOLDEN)
def test_golden(
    standard: ZenPolicy, asked: Facts, answer: tuple[str, str, int, str], rules: tuple[str, ...]
) -> None:
    held = standard.decide(asked)
    assert (held.action, held.queue, held.priority, held.next_best_action) == answer
    assert held.rules == rules
    assert held.eligible


@pytest.mark.parametrize("grade", list("ABCD"))
def test_withdrawn_consent_is_never_eligible(standard: ZenPolicy, grade: str) -> None:
    held = standard.decide(facts(grade, consent="withdrawn", demo_request_recency_d=0.1))
    assert held == Decision(
        eligible=False,
        action="none",
        queue="none",
        priority=5,
        next_best_action="answer_only_if_asked",
        rules=("eligibility.consent_withdrawn", "routing.closed", "next.closed"),
        because="Answer what the person asks, and no more (Action 'none')",
    )


@pytest.mark.parametrize("name", ["standard", "generic"])
def test_shipped_policies_are_sound(policies: Path, name: str) -> None:
    assert check_policy(policies / f"{name}.json") == []
    port: Policy = load_policy(policies / f"{name}.json")
    assert port.label == f"{name}-1"


def test_a_data_set_without_the_standard_names_gets_a_decision(standard: ZenPolicy) -> None:
    other = msgspec.structs.replace(facts("B"), profile={"budget": 3.0}, features={"clicks": 1.0})
    assert standard.decide(other) == standard.decide(facts("B"))
    assert standard.decide(other).queue == "small_business"


def test_the_names_it_looks_at_are_those_of_the_standard_service(standard: ZenPolicy) -> None:
    path = Path(__file__).parents[2] / "feature_repo" / "services" / "standard.yaml"
    service = parse_definition(yaml.safe_load(path.read_text()), path.name)
    attributes, features = standard.looks_at
    assert set(attributes) <= {a.name for a in service.attributes} | {"outcome"}
    endings = ("_count", "_recency_d", "_rate_1d", "_rate_7d", "_rate_30d", "_velocity")
    known = {f.name + ending for f in service.families for ending in endings}
    assert set(features) <= known | {"recency_d", "tenure_d", "active_days_7", "channels_30d"}


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (1.0, "A"), (0.2, "A"), (math.nextafter(0.2, 0), "B"), (0.1, "B"),
        (math.nextafter(0.1, 0), "C"), (0.04, "C"), (math.nextafter(0.04, 0), "D"), (0.0, "D"),
        (math.nan, "D"),
    ],
)  # fmt: skip
def test_grade_boundaries(standard: ZenPolicy, score: float, grade: str) -> None:
    assert standard.grade(score) == grade


VALUES = st.one_of(
    st.none(),
    st.floats(),
    st.sampled_from([1e29, -1e29, 1e-300, 0.0, 7.0, 30.0, 100.0, 1000.0, math.inf, math.nan]),
    st.text(st.characters(), max_size=8),
    st.sampled_from(["withdrawn", "granted", "DE", "US", "", "'", '"', "\ud800", "null"]),
)
NAMES = ("country", "employees", "consent", "satisfaction")
FEATURES = ("severe_ticket_recency_d", "ticket_recency_d", "demo_request_recency_d", "recency_d")
ANY_FACTS = st.builds(
    Facts,
    score=st.floats(),
    percentile=st.floats(),
    grade=st.sampled_from(["A", "B", "C", "D", "", "Z"]),
    account_known=st.booleans(),
    profile=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), VALUES),
    features=st.dictionaries(st.sampled_from(FEATURES) | st.text(max_size=5), VALUES),
)


@settings(max_examples=150, deadline=None)
@given(asked=ANY_FACTS)
def test_any_facts_get_a_complete_decision(
    standard: ZenPolicy, generic: ZenPolicy, asked: Facts
) -> None:
    for policy, tables in ((standard, 3), (generic, 1)):
        held = policy.decide(asked)
        assert held.action in ACTIONS
        assert held.queue
        assert held.next_best_action
        assert 1 <= held.priority <= 5
        assert type(held.priority) is int
        assert type(held.eligible) is bool
        assert len(held.rules) == tables
        assert policy.decide(asked) == held


@settings(max_examples=60, deadline=None)
@given(asked=ANY_FACTS)
def test_what_the_audit_keeps_of_facts_decides_alike(standard: ZenPolicy, asked: Facts) -> None:
    try:
        kept = msgspec.json.decode(msgspec.json.encode(asked))
    except UnicodeEncodeError:
        return
    plain = {"score": 0.5, "percentile": 1.0}
    replayed = msgspec.convert(kept | plain, Facts)
    assert standard.decide(replayed) == standard.decide(asked)


def test_missing_null_nan_and_empty_are_one(standard: ZenPolicy) -> None:
    held = {
        standard.decide(facts("A", **given))
        for given in (
            {},
            {"country": None, "employees": None, "recency_d": None},
            {"country": "", "employees": math.nan, "recency_d": math.inf},
        )
    }
    assert len(held) == 1


def test_threads_agree(standard: ZenPolicy) -> None:
    asked = [case[0] for case in GOLDEN] * 40
    alone = [standard.decide(f) for f in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(standard.decide, asked)) == alone


def test_the_fingerprint_follows_the_rules_and_not_the_words(
    policies: Path, tmp_path: Path
) -> None:
    document = msgspec.json.decode((policies / "generic.json").read_bytes())
    first = load_policy(policies / "generic.json").fingerprint
    document["description"] = "other words"
    (tmp_path / "p.json").write_bytes(msgspec.json.encode(document))
    assert load_policy(tmp_path / "p.json").fingerprint == first
    document["grades"]["A"] = 0.5
    (tmp_path / "p.json").write_bytes(msgspec.json.encode(document))
    assert load_policy(tmp_path / "p.json").fingerprint != first
