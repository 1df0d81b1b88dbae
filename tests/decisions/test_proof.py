"""Planted faults are found, with leads that prove them; nothing is said of sound policies."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from decisions.policy.lint import PolicyFinding
from decisions.policy.policy import load_policy, read_policy
from decisions.policy.zen_policy import ZenPolicy
from decisions.proof.examine import Examination, examine
from decisions.proof.fact_cells import FactGroup
from decisions.proof.subject import Subject
from decisions.proof.walk import Choice
from domain.decisions import Facts
from domain.versions.policy_manifest import GoldenRow
from tests.decisions.generated_policies import (
    KINDS,
    Document,
    Draft,
    Planted,
    clean,
    loads,
    with_capacities,
)

SEEDS = range(10)


def written(folder: Path, document: Document) -> Path:
    path = folder / "p.json"
    path.write_text(json.dumps(document))
    return path


def examined(folder: Path, document: Document) -> Examination:
    return examine(written(folder, document))


def confirmed(policy: ZenPolicy, finding: PolicyFinding) -> bool:
    """Whether the policy, asked anew, decides of every lead in a finding as it says."""
    asked = [(row, policy.decide(row.facts)) for row in finding.proof]
    return bool(asked) and all(
        row.decision == now and row.facts.grade == policy.grade(row.facts.score)
        for row, now in asked
    )


def shows(finding: PolicyFinding) -> bool:
    """Whether the leads of a finding show what it is about."""
    rows = finding.proof
    match finding.rule:
        case "policy-monotone":
            low, high = rows
            return (
                low.facts.score <= high.facts.score
                and low.decision.priority < high.decision.priority
                and low.facts.profile == high.facts.profile
                and low.facts.features == high.facts.features
            )
        case "policy-consent":
            return rows[0].facts.profile["consent"] == "withdrawn" and rows[0].decision.eligible
        case "policy-capacity":
            return rows[0].decision.queue in finding.where
        case "policy-row-reachable":
            return not any(rule in finding.where for rule in rows[0].decision.rules)
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_said_of_a_sound_policy(seed: int, tmp_path: Path) -> None:
    result = examined(tmp_path, clean(seed))
    assert (result.findings, result.limits) == ([], ())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_fault_is_found_and_proven(kind: str, seed: int, tmp_path: Path) -> None:
    planted: Planted = KINDS[kind](seed)
    path = written(tmp_path, planted.document)
    of_it = [f for f in examine(path).findings if f.rule == planted.rule]
    assert any(planted.named in f"{f.where} {f.what}" for f in of_it)
    policy = load_policy(path)
    assert all(confirmed(policy, one) and shows(one) for one in of_it)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_queue_that_is_too_small_is_found(seed: int, tmp_path: Path) -> None:
    """Its load is what every combination of declared values adds up to, each asked by itself."""
    draft = Draft(seed)
    policy = load_policy(written(tmp_path, draft.document()))

    def route(values: Document) -> str:
        least = dict(policy.grades)[values["grade"]]
        return policy.decide(facts_of(policy, {**values, "score": least})).queue

    demand, expected = loads(draft, route)
    enough = {queue: load * 1.0001 for queue, load in expected.items()}
    assert examined(tmp_path, with_capacities(draft, demand, enough)).findings == []
    queue = draft.chance.choice(sorted(expected))
    short = enough | {queue: expected[queue] * 0.999}
    (found,) = examined(tmp_path, with_capacities(draft, demand, short)).findings
    assert (found.rule, found.where) == ("policy-capacity", f"queue '{queue}'")
    assert shows(found)
    assert f"{expected[queue]:.3g} leads a day" in found.what


def facts_of(policy: ZenPolicy, values: dict[str, Any]) -> Facts:
    def part(root: str) -> dict[str, Any]:
        return {k.partition(".")[2]: v for k, v in values.items() if k.startswith(f"{root}.")}

    facts = Facts(
        score=values.get("score", 0.5),
        percentile=values.get("percentile", 50.0),
        grade="",
        account_known=bool(values.get("account_known", True)),
        profile=part("profile"),
        features=part("features"),
    )
    return msgspec.structs.replace(facts, grade=policy.grade(facts.score))


def any_leads(subject: Subject, count: int, chance: random.Random) -> Iterator[GoldenRow]:
    """Leads with values in, on and beside the cells."""
    for _ in range(count):
        values: dict[str, Any] = {"score": chance.random()}
        for fact, cells in subject.cells.items():
            value = chance.choice(cells)
            shift = chance.choice([0.0, 0.001, -0.001, 7.0])
            values[fact] = value + shift if type(value) is float else value
        facts = facts_of(subject.policy, values)
        yield GoldenRow(facts=facts, decision=subject.policy.decide(facts))


@pytest.mark.parametrize("name", ["standard", "generic", *map(str, range(4))])
def test_the_walk_is_what_the_engine_does(name: str, policies: Path, tmp_path: Path) -> None:
    """Each row that it sees fire does so, and no lead fires one that it does not see."""
    path = written(tmp_path, clean(int(name))) if name.isdecimal() else policies / f"{name}.json"
    file, graph = read_policy(path)
    subject = Subject(load_policy(path), graph, file, "ABCD")

    def each(group: FactGroup) -> list[Choice]:
        return [Choice((point,), 1.0) for point in group.points]

    fired = subject.walk(subject.tables).run(each).fired
    tables = {table.id: table for table in subject.tables}
    rules = {place: subject.rule(tables[place[0]], place[1]) for place in fired}
    for place, trace in fired.items():
        assert rules[place] in subject.lead(trace).decision.rules
    known = set(rules.values())
    for lead in any_leads(subject, 400, random.Random(3)):
        assert set(lead.decision.rules) <= known


def test_what_is_meant_is_not_said(tmp_path: Path) -> None:
    planted = KINDS["falls"](3)
    (found,) = {f.where for f in examined(tmp_path, planted.document).findings}
    assert planted.named in found
    assert examined(tmp_path, planted.document | {"may_fall": [planted.named]}).findings == []


def test_an_exclusive_table_has_no_overlap_at_all(tmp_path: Path) -> None:
    document = clean(2)
    assert examined(tmp_path, document | {"exclusive": ["next"]}).findings == []
    found = examined(tmp_path, document | {"exclusive": ["eligibility"]}).findings
    assert {f.rule for f in found} == {"policy-overlap"}


def test_arithmetic_is_not_proven_and_says_so(tmp_path: Path) -> None:
    document = clean(2)
    column = document["decision"]["nodes"][2]["content"]["inputs"]
    number = next(c for c in column if c["field"].startswith(("profile.e", "features")))
    number["field"] = f"{number['field']} * 2"
    result = examined(tmp_path, document)
    assert any("may change at values that it does not name" in limit for limit in result.limits)


def test_too_much_to_look_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decisions.proof.walk.MOST_STATES", 3)
    limits = examined(tmp_path, clean(1)).limits
    assert any("told apart in more than 3 ways" in one for one in limits)
