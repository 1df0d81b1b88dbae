"""Declared types, personal data, consent that nobody asks about, test cases, optional results."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from decisions.policy.policy import check_policy, load_policy
from decisions.proof.cases import cases_file, read_cases
from decisions.proof.declared import is_personal
from decisions.proof.examine import examine
from domain.errors import BadConfiguration
from tests.decisions.test_policy import facts

STANDARD = Path(__file__).parents[2] / "decisions" / "policies" / "standard.json"
BASE: dict[str, Any] = json.loads(STANDARD.read_text())
NODES = {node["id"]: at for at, node in enumerate(BASE["decision"]["nodes"])}
INPUTS = {
    "profile.country": {"type": "text"},
    "profile.outcome": {"type": "text", "values": ["won", "lost"]},
    "profile.consent": {"type": "text", "values": ["granted", "withdrawn", "unknown"]},
    "profile.employees": {"type": "number", "min": 1},
    "profile.satisfaction": {"type": "number", "min": 1, "max": 5},
    "account_known": {"type": "flag", "optional": False},
    "grade": {"type": "text", "values": list("ABCD")},
}


def content(document: dict[str, Any], node: str) -> dict[str, Any]:
    found: dict[str, Any] = document["decision"]["nodes"][NODES[node]]["content"]
    return found


def features(document: dict[str, Any]) -> dict[str, Any]:
    columns = [
        *content(document, "eligibility")["inputs"],
        *content(document, "next_best")["inputs"],
    ]
    names = {c["field"] for c in columns if c["field"].startswith("features.")}
    return {name: {"type": "number", "min": 0} for name in names}


def examined(tmp_path: Path, document: dict[str, Any]) -> list[tuple[str, str, str]]:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    return [(f.rule, f.where, f.what) for f in examine(path).findings]


def test_a_policy_that_keeps_its_types(tmp_path: Path) -> None:
    document = BASE | {"inputs": INPUTS | features(BASE)}
    document["outputs"] = {
        "priority": {"type": "number", "min": 1, "max": 5},
        "queue": {"type": "text", "values": BASE["queues"]},
        "eligible": {"type": "flag"},
    }
    assert examined(tmp_path, document) == []


@pytest.mark.parametrize(
    ("change", "rule", "what"),
    [
        ({"profile.country": None}, "policy-input", "'profile.country' is read, and not among"),
        ({"profile.employees": {"type": "text"}}, "policy-input",
         "is a text, and the test '>= 1000'"),
        ({"profile.consent": {"type": "text", "values": ["yes", "no"]}}, "policy-input",
         "is one of 'yes', 'no', and the test"),
        ({"profile.satisfaction": {"type": "number", "min": 3, "max": 5}}, "policy-row-reachable",
         "never hold together"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_declared_input(
    tmp_path: Path, change: dict[str, Any], rule: str, what: str
) -> None:
    inputs = {k: v for k, v in (INPUTS | features(BASE) | change).items() if v is not None}
    told = examined(tmp_path, BASE | {"inputs": inputs})
    assert any(r == rule and what in w for r, _, w in told), told


def test_what_does_not_fit_a_declared_output(tmp_path: Path) -> None:
    document = BASE | {"outputs": {"priority": {"type": "number", "max": 4}}}
    told = examined(tmp_path, document)
    what = "priority is 5, must be a number to 4"
    assert ("policy-output", "node 'routing', row 1 (routing.closed)", what) in told
    (unknown,) = examined(tmp_path, BASE | {"outputs": {"colour": {"type": "text"}}})
    assert unknown[0] == "policy-output"


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "text", "min": 1}, {"type": "number", "values": ["a"]}, {"type": "date"},
        {"type": "number", "min": 3, "max": 1}, {"type": "flag", "max": 1}, {"typ": "text"},
    ],
)  # fmt: skip
def test_a_type_that_is_none_is_refused(tmp_path: Path, bad: dict[str, Any]) -> None:
    ((rule, _, what),) = examined(tmp_path, BASE | {"inputs": {"profile.country": bad}})
    assert rule == "policy-file"
    assert "inputs" in what


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("email", True), ("first_name", True), ("firstName", True), ("phone", True), ("age", True),
        ("gender", True), ("ip", True), ("birth_date", True), ("home_address", True),
        ("company_name", False), ("employees", False), ("page_views", False), ("country", False),
        ("email_open_rate_7d", True), ("trip_count", False), ("language", False),
    ],
)  # fmt: skip
def test_names_of_persons(name: str, expected: bool) -> None:
    assert is_personal(name) is expected


@pytest.mark.parametrize(
    ("node", "row", "key", "text"),
    [
        ("routing", 3, "o2", '"jo@example.com"'),
        ("routing", 3, "_description", "ask +1 (555) 000-1111"),
        ("eligibility", 2, "i1", "'jo@example.com'"),
    ],
)
def test_an_address_in_a_cell_is_told_by_its_place(
    tmp_path: Path, node: str, row: int, key: str, text: str
) -> None:
    document = copy.deepcopy(BASE)
    document.pop("queues")
    content(document, node)["rules"][row][key] = text
    told = [one for one in examined(tmp_path, document) if one[0] == "policy-personal"]
    assert len(told) == 1
    assert f"row {row + 1}" in told[0][1]
    assert "jo@" not in str(told)


def test_numbers_are_no_telephone_numbers(tmp_path: Path) -> None:
    document = copy.deepcopy(BASE)
    content(document, "routing")["rules"][2]["i3"] = ">= 100000000"
    assert [r for r, _, _ in examined(tmp_path, document) if r == "policy-personal"] == []


def test_personal_data_is_not_registered(tmp_path: Path) -> None:
    from config.settings import Settings
    from wiring.policies import register

    document = copy.deepcopy(BASE) | {"name": "mine"}
    content(document, "routing")["inputs"][2]["field"] = "profile.email"
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    with pytest.raises(
        BadConfiguration, match=r"mine.json: the facts: 'profile.email' is personal"
    ):
        register(Settings(home=tmp_path / "home"), path, "jo")


def test_consent_that_is_known_and_not_asked_about(tmp_path: Path) -> None:
    path = STANDARD.with_name("generic.json")
    assert examine(path, {"consent"}).findings[0].rule == "policy-consent"
    assert examine(path, {"colour"}).findings == []
    assert examine(STANDARD, None).findings == []


def with_terms(document: dict[str, Any], hours: str) -> dict[str, Any]:
    """The standard policy with owner pools and service levels."""
    routing = content(document, "routing")
    routing["outputs"] += [
        {"id": "o5", "name": "Owner pool", "field": "owner_pool"},
        {"id": "o6", "name": "Service level", "field": "service_level_h"},
    ]
    for row in routing["rules"]:
        row |= {"o5": '"field"', "o6": hours}
    content(document, "decision")["expressions"] += [
        {"id": "e5", "key": "owner_pool", "value": "routing.owner_pool"},
        {"id": "e6", "key": "service_level_h", "value": "routing.service_level_h"},
    ]
    return document


def test_owner_pool_and_service_level(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(with_terms(copy.deepcopy(BASE), "4")))
    assert examine(path).findings == []
    decision = load_policy(path).decide(facts("A", employees=5000.0))
    assert (decision.owner_pool, decision.service_level_h) == ("field", 4.0)
    for bad in ("0", "-1", '"4"', "true", "1e9"):
        path.write_text(json.dumps(with_terms(copy.deepcopy(BASE), bad)))
        assert {f.rule for f in check_policy(path)} == {"policy-output-type"}


def test_why_the_next_best_action_is_this_one() -> None:
    policy = load_policy(STANDARD)
    fresh = policy.decide(facts("A", employees=5000.0, demo_request_recency_d=1.0))
    assert fresh.because == (
        "A demonstration was asked for in the last two days "
        "(Action 'contact', Days since demo request <= 2)"
    )
    assert policy.decide(facts("D", recency_d=1.0)).because == "Anything else"


CASES = """
cases:
  - name: a large company in Germany
    facts: {grade: A, profile.employees: 5000, profile.country: DE}
    expect: {queue: enterprise_emea, priority: 1, rules: [routing.a_enterprise_emea]}
  - name: somebody who said no
    facts: {score: 0.9, profile.consent: withdrawn}
    expect: {eligible: %s}
"""


def test_cases_are_run(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(STANDARD.read_text())
    cases_file(path).write_text(CASES % "false")
    assert (examine(path).cases, examine(path).findings) == (2, [])
    cases_file(path).write_text(CASES % "true")
    (found,) = examine(path).findings
    assert (found.rule, found.where) == ("policy-case", "case 'somebody who said no'")
    assert "eligible is False, True is expected" in found.what
    assert found.proof[0].decision.eligible is False


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("facts: {employees: 3}", "employees"), ("facts: {grade: E}", "none of A, B, C, D"),
        ("facts: {score: 3}", "from 0 to 1"), ("facts: {percentile: '3'}", "from 0 to 100"),
        ("expect: {}", "says nothing"), ("expect: {colour: red}", "colour"),
    ],
)  # fmt: skip
def test_a_case_that_is_none_is_refused_by_its_line(tmp_path: Path, line: str, what: str) -> None:
    key = line.partition(":")[0]
    other = "expect: {priority: 1}" if key == "facts" else "facts: {grade: A}"
    (tmp_path / "c.yaml").write_text(f"cases:\n  - name: a\n    {line}\n    {other}\n")
    with pytest.raises(BadConfiguration, match=what) as bad:
        read_cases(tmp_path / "c.yaml")
    assert "line" in bad.value.where
