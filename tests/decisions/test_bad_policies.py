"""Every way to break a policy file gives an error that names the place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from decisions.policy.policy import check_policy, load_policy
from domain.errors import BadConfiguration

Document = dict[str, Any]
Damage = Callable[[Document], object]


def node(document: Document, name: str) -> Document:
    found: Document = next(n for n in document["decision"]["nodes"] if n["id"] == name)
    return found


def rows(document: Document, name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = node(document, name)["content"]["rules"]
    return found


def expression(document: Document, key: str) -> Document:
    lines = node(document, "decision")["content"]["expressions"]
    found: Document = next(x for x in lines if x["key"] == key)
    return found


CASES: list[tuple[str, Damage, str, str]] = [
    ("unknown key", lambda d: d.update(colour="red"), "policy-file", "colour"),
    ("no grades", lambda d: d.pop("grades"), "policy-file", "grades"),
    ("grades ascend", lambda d: d["grades"].update(A=0.1), "policy-file", "descend"),
    ("grades tie", lambda d: d["grades"].update(C=0.2), "policy-file", "descend"),
    ("threshold of 1", lambda d: d["grades"].update(A=1.0), "policy-file", "grades.A"),
    ("threshold of 0", lambda d: d["grades"].update(C=0.0), "policy-file", "grades.C"),
    ("grade E", lambda d: d["grades"].update(E=0.01), "policy-file", "E"),
    ("bad name", lambda d: d.update(name="Big Deals"), "policy-file", "name"),
    ("not a valid graph", lambda d: d.update(decision={"nodes": []}), "policy-graph", "edges"),
    (
        "unknown node",
        lambda d: d["decision"]["edges"][1].update(targetId="rooting"),
        "policy-nodes-known", "rooting",
    ),
    (
        "circle",
        lambda d: d["decision"]["edges"].append({"sourceId": "routing", "targetId": "region"}),
        "policy-one-way-through", "circle",
    ),
    (
        "an island",
        lambda d: d["decision"]["edges"].pop(0),
        "policy-one-way-through", "node 'region'",
    ),
    (
        "id twice",
        lambda d: node(d, "region").update(id="routing"),
        "policy-node-ids-differ", "node 'routing'",
    ),
    (
        "function node",
        lambda d: node(d, "region").update(type="functionNode"),
        "policy-node-kinds", "functionNode",
    ),
    (
        "collect",
        lambda d: node(d, "routing")["content"].update(hitPolicy="collect"),
        "policy-hit-policy", "node 'routing'",
    ),
    (
        "loop",
        lambda d: node(d, "routing")["content"].update(executionMode="loop"),
        "policy-node-settings", "node 'routing'",
    ),
    (
        "same output path",
        lambda d: node(d, "routing")["content"].update(outputPath="eligibility"),
        "policy-output-path", "node 'eligibility'",
    ),
    (
        "no rule id",
        lambda d: rows(d, "routing")[2].update(o4=""),
        "policy-rule-id", "node 'routing', row 3",
    ),
    (
        "rule id of an override",
        lambda d: rows(d, "routing")[2].update(o4='"override.7"'),
        "policy-rule-id", "node 'routing', row 3",
    ),
    (
        "rule id twice",
        lambda d: rows(d, "next_best")[4].update(o2='"next.demo_fresh"'),
        "policy-rule-ids-differ", "node 'next_best', row 5 (next.demo_fresh)",
    ),
    (
        "no catch-all",
        lambda d: rows(d, "next_best").pop(),
        "policy-catch-all", "node 'next_best'",
    ),
    (
        "no rows",
        lambda d: rows(d, "next_best").clear(),
        "policy-catch-all", "node 'next_best'",
    ),
    (
        "catch-all too soon",
        lambda d: rows(d, "eligibility")[1].update(i0=""),
        "policy-row-reachable", "node 'eligibility', row 2",
    ),
    (
        "no rule column",
        lambda d: node(d, "next_best")["content"]["outputs"].pop(),
        "policy-rule-column", "node 'next_best'",
    ),
    (
        "blank output",
        lambda d: rows(d, "routing")[4].update(o2=" "),
        "policy-output-literal", "node 'routing', row 5 (routing.a_enterprise_apac)",
    ),
    (
        "priority of 9",
        lambda d: rows(d, "routing")[4].update(o3="9"),
        "policy-output-type", "node 'routing', row 5 (routing.a_enterprise_apac)",
    ),
    (
        "priority as text",
        lambda d: rows(d, "routing")[4].update(o3='"1"'),
        "policy-output-type", "whole number",
    ),
    (
        "eligible as text",
        lambda d: rows(d, "eligibility")[0].update(o1='"false"'),
        "policy-output-type", "true or false",
    ),
    (
        "cell does not compile",
        lambda d: rows(d, "eligibility")[1].update(i2="<= <= 7"),
        "policy-expression", "node 'eligibility', row 2",
    ),
    (
        "dash for any",
        lambda d: rows(d, "eligibility")[1].update(i1="-"),
        "policy-expression", "node 'eligibility', row 2",
    ),
    (
        "unknown fact",
        lambda d: node(d, "routing")["content"]["inputs"][2].update(field="employees"),
        "policy-names-known", "'employees'",
    ),
    (
        "unknown result",
        lambda d: node(d, "routing")["content"]["inputs"][0].update(field="eligibility.state"),
        "policy-names-known", "'eligibility.state'",
    ),
    (
        "result not let through",
        lambda d: node(d, "eligibility")["content"].update(passThrough=False),
        "policy-names-known", "node 'routing'",
    ),
    (
        "whole of the facts",
        lambda d: rows(d, "eligibility")[0].update(i1="$root.profile == 1"),
        "policy-names-known", "$root",
    ),
    (
        "random",
        lambda d: rows(d, "eligibility")[0].update(i1="rand(10) > 5"),
        "policy-pure", "rand()",
    ),
    (
        "clock",
        lambda d: rows(d, "eligibility")[0].update(i1="year('now') > 2030"),
        "policy-pure", "year()",
    ),
    (
        "output missing",
        lambda d: expression(d, "queue").update(key="queu"),
        "policy-outputs-complete", "'queue'",
    ),
    (
        "output computed",
        lambda d: expression(d, "queue").update(value="routing.queue + 'x'"),
        "policy-answer", "'queue'",
    ),
    (
        "rules left out",
        lambda d: expression(d, "rules").update(value="[routing.rule]"),
        "policy-answer", "eligibility.rule, routing.rule, next_best.rule",
    ),
    (
        "fails on null",
        lambda d: node(d, "region")["content"]["expressions"][0].update(
            value="profile.employees > 5 ? 'emea' : 'unknown'"
        ),
        "policy-evaluates", "None",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "rule", "told"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_is_told(policies: Path, tmp_path: Path, damage: Damage, rule: str, told: str) -> None:
    document = msgspec.json.decode((policies / "standard.json").read_bytes())
    damage(document)
    path = tmp_path / "mine.json"
    path.write_bytes(msgspec.json.encode(document))
    with pytest.raises(BadConfiguration) as raised:
        load_policy(path)
    assert raised.value.rule == rule
    assert told in str(raised.value)
    assert str(raised.value).startswith("mine.json")
    assert str(tmp_path) not in str(raised.value)
    assert "\n" not in str(raised.value)
    findings = check_policy(path)
    assert findings
    assert findings[0].rule == rule


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": 1}'])
def test_no_policy_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(BadConfiguration, match=r"mine\.json"):
        load_policy(path)
    assert [f.rule for f in check_policy(path)] == ["policy-file"]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot be read"):
        load_policy(tmp_path / "none.json")


def test_all_findings_of_a_stage_are_told_at_once(policies: Path, tmp_path: Path) -> None:
    document = msgspec.json.decode((policies / "standard.json").read_bytes())
    rows(document, "routing")[2]["o4"] = ""
    rows(document, "routing")[7]["o4"] = ""
    rows(document, "eligibility")[0]["o3"] = ""
    (tmp_path / "p.json").write_bytes(msgspec.json.encode(document))
    found = check_policy(tmp_path / "p.json")
    assert [f.where for f in found if f.rule == "policy-rule-id"] == [
        "node 'eligibility', row 1", "node 'routing', row 3", "node 'routing', row 8",
    ]  # fmt: skip
