"""Expressions: nothing hides in them, and none can grow or run away."""

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import zen
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.expressions.cost import TooLarge, weigh
from decisions.expressions.syntax import parse
from decisions.expressions.tokens import NotUnderstood
from decisions.policy.expression_checks import complaint, impure_calls, names
from decisions.policy.policy import check_policy, load_policy
from decisions.policy.trial_run import tried
from domain.decisions import Facts
from domain.errors import BadConfiguration

QUOTES = ("'", '"', "`")


@pytest.mark.parametrize(
    "text",
    [
        "`it's ${rand(10)}` == 'x'", "'`' + string(rand(10)) + '`'", "`'` + string(rand(1)) + `'`",
        "\"it's\" + string(rand(3)) + \"it's\"", "`${`", "rand (10) > 1", "rand\n(10) > 1",
        "`a ${'}'} ${rand(2)}`", "`${ {a: rand(2)} }`", "[1, rand(3)][1]", "{a: rand(3)}",
        "profile['x'] == rand(2)", "map([1, 2], rand(#))", "true ? 1 : rand(2)", "-rand(2) < 1",
        "`${'`'}${rand(1)}`", "1 in [rand(2)..3]", "'a' + /* ' */ string(rand(1)) /* ' */",
        "// '\nrand(1)", "\"'\" + string(rand(9)) + \"'\"", "`\\`${rand(9)}`",
    ],
)  # fmt: skip
def test_a_call_is_found_wherever_it_hides(text: str) -> None:
    try:
        found = impure_calls(parse(text, unary=False))
    except NotUnderstood:
        return
    assert found == {"rand"}


TEXTS = st.text(st.sampled_from("ab'\"`${} ()#/*rand,"), max_size=12)
LEAVES = st.one_of(
    st.integers(0, 99).map(str),
    st.sampled_from(["profile.x", "grade", "true", "null", "rand(9)", "date('now')"]),
    TEXTS.filter(lambda t: "'" not in t).map(lambda t: f"'{t}'"),
    TEXTS.filter(lambda t: '"' not in t).map(lambda t: f'"{t}"'),
    TEXTS.filter(lambda t: "`" not in t and "${" not in t).map(lambda t: f"`{t}`"),
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "==", "and", "in", "??"]), inner).map(" ".join),
        inner.map(lambda e: f"({e})"),
        inner.map(lambda e: f"string({e})"),
        st.lists(inner, max_size=3).map(lambda es: f"[{', '.join(es)}]"),
        inner.filter(lambda e: "`" not in e).map(lambda e: f"`a'b\"${{{e}}}`"),
        st.tuples(inner, inner, inner).map(lambda e: f"{e[0]} ? {e[1]} : {e[2]}"),
    )


def _truth(text: str) -> set[str]:
    """What is called by the engine's own reading: it fails where the name is none of its own."""
    found = set()
    for name in ("rand", "date"):
        try:
            zen.compile_expression(text.replace(f"{name}(", "zzzz("))
        except RuntimeError:
            found.add(name)
    return found


@settings(max_examples=300, deadline=None)
@given(st.recursive(LEAVES, _grown, max_leaves=6))
def test_calls_are_those_that_the_engine_makes(text: str) -> None:
    if complaint(text, unary=False):
        return
    assert impure_calls(parse(text, unary=False)) == _truth(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1.'\"`${}()[]#,+-*/:?<>=! \n_"), max_size=30))
def test_whatever_stands_there_gets_an_answer(text: str) -> None:
    for unary in (False, True):
        said = complaint(text, unary=unary)
        assert said is None or "\n" not in said


def test_names_are_those_outside_of_texts() -> None:
    text = "`it's ${profile.a}` == 'profile.b' and features.c in [grade, \"score\"]"
    assert names(text) == {"profile.a", "features.c", "grade"}
    assert names("$ > features.x", unary=True) == {"features.x"}
    assert names("some([1], # > score)") == {"score"}


LIST = f"[{', '.join(map(str, range(200)))}]"
LARGE = [
    "len(map([0..1e9], #)) > 0", "[0..1e9]", "len([1..2000]) > 1", "some([1..score], # > 3)",
    "sum(map([1..1000], sum(map([1..1000], #))))", "sum([1..1_000_000])", "1e400 > score",
    f"some({LIST}, some({LIST}, some({LIST}, # > 3)))",
    f"len(flatMap({LIST}, {LIST})) > 9_999_999",
    "matches(profile.country, '(a{1000}){1000}')", "matches(profile.country, profile.plan)",
    "some(split(grade, ''), some(split(grade, ''), some(split(grade, ''), # == 'a')))",
    "('(' + " * 40 + "'a'" + ")" * 40, "[" * 5000 + "]" * 5000, "-" * 5000 + "1",
    "'" + "a" * 30_000 + "'",
    "1" + " + 1" * 2000, "not " * 3000 + "true", "true ? 1 : " * 3000 + "2", "1" * 400,
    "some(fuzzyMatch(split(grade + grade, ''), grade + grade), # > 1)",
]  # fmt: skip


@pytest.mark.parametrize("text", LARGE, ids=range(len(LARGE)))
def test_what_could_grow_is_refused_before_it_is_run(
    policies: Path, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(with_expression(policies, text)))
    begun = time.perf_counter()
    found = check_policy(path)
    assert [f.rule for f in found if f.rule in ("policy-bounded", "policy-expression")]
    assert time.perf_counter() - begun < 5
    with pytest.raises(BadConfiguration):
        load_policy(path)


def with_expression(policies: Path, text: str) -> dict[str, Any]:
    """The standard policy with one more expression, whose result nobody reads."""
    document: dict[str, Any] = json.loads((policies / "standard.json").read_text())
    lines = next(n for n in document["decision"]["nodes"] if n["id"] == "region")["content"]
    lines["expressions"].append({"id": "x", "key": "x", "value": text})
    return document


def test_results_that_double_from_line_to_line(policies: Path, tmp_path: Path) -> None:
    document = with_expression(policies, "profile.country + profile.country")
    first = next(n for n in document["decision"]["nodes"] if n["id"] == "region")
    edges = document["decision"]["edges"]
    for at in range(30):
        node = copy.deepcopy(first) | {"id": f"n{at}"}
        before = "x" if at == 0 else f"x{at - 1}"
        line = {"id": "y", "key": f"x{at}", "value": f"{before} + {before}"}
        node["content"]["expressions"] = [line]
        document["decision"]["nodes"].append(node)
        edges.append({"sourceId": "region" if at == 0 else f"n{at - 1}", "targetId": f"n{at}"})
    edges.append({"sourceId": "n29", "targetId": "eligibility"})
    (tmp_path / "p.json").write_text(json.dumps(document))
    found = check_policy(tmp_path / "p.json")
    assert {f.rule for f in found} == {"policy-bounded"}


@pytest.mark.parametrize(
    "text",
    [
        "score in [0..1e9] ? 1 : 2", "len(string(profile.country)) > 3", f"some({LIST}, # == 3)",
        "sum(map([1..100], # * 2))", "matches(string(profile.country), '^[A-Z]{2}$')",
        "`${grade}-${profile.country ?? 'unknown'}`",
        "some(split(string(profile.plan), ','), # == 'a')",
    ],
)  # fmt: skip
def test_what_is_small_is_let_through_and_is_quick(
    policies: Path, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(with_expression(policies, text)))
    policy = load_policy(path)
    long: dict[str, float | str | None] = {"country": "A" * 100_000, "plan": "a," * 50_000}
    asked = Facts(
        score=0.5, percentile=50.0, grade="A", account_known=True, profile=long, features={}
    )  # fmt: skip
    begun = time.process_time()
    assert policy.decide(asked).queue
    assert time.process_time() - begun < 1


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.sampled_from(["[1..30]", LIST, "'abcdef'", "#"]), lambda inner: st.one_of(
    st.tuples(st.sampled_from(["map", "filter", "flatMap"]), inner, inner).map(
        lambda t: f"{t[0]}({t[1]}, {t[2]})"
    ),
    st.tuples(inner, inner).map(lambda t: f"[{t[0]}, {t[1]}]"),
), max_leaves=8))  # fmt: skip
def test_what_is_let_through_keeps_to_its_budget(text: str) -> None:
    try:
        weigh(parse(text, unary=False), {})
        held = zen.compile_expression(text)
    except (TooLarge, NotUnderstood, RuntimeError):
        return
    begun = time.process_time()
    try:
        held.evaluate({})
    except RuntimeError:
        return
    assert time.process_time() - begun < 1


def test_the_first_run_is_in_a_process_that_can_be_stopped(policies: Path, tmp_path: Path) -> None:
    assert len(tried(policies / "generic.json")) > 20
    with pytest.raises(BadConfiguration, match=r"took longer than 0\.01 s"):
        tried(policies / "generic.json", seconds=0.01)
    (tmp_path / "p.json").write_text("{}")
    with pytest.raises(BadConfiguration, match="policy-file"):
        tried(tmp_path / "p.json")


@pytest.mark.parametrize("kind", ["functionNode", "switchNode", "decisionNode", "customNode"])
@pytest.mark.parametrize("content", ["export const handler = 1", {"source": "x"}, None, []])
def test_other_nodes_of_the_editor_are_named(
    policies: Path, tmp_path: Path, kind: str, content: object
) -> None:
    document = json.loads((policies / "standard.json").read_text())
    document["decision"]["nodes"][1] |= {"type": kind, "content": content}
    (tmp_path / "p.json").write_text(json.dumps(document))
    (found,) = check_policy(tmp_path / "p.json")
    assert (found.rule, found.where) == ("policy-node-kinds", "node 'region'")


@pytest.mark.parametrize("added", [{}, {"contentType": "application/vnd.gorules.decision"}])
def test_a_graph_alone_is_told_where_it_belongs(
    policies: Path, tmp_path: Path, added: dict[str, str]
) -> None:
    graph = json.loads((policies / "standard.json").read_text())["decision"] | added
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    (found,) = check_policy(tmp_path / "graph.json")
    assert found.rule == "policy-file"
    for part in ("`name`", "`version`", "`grades`", "`--thresholds 0.2,0.1,0.04`"):
        assert part in found.what


def test_a_graph_with_its_terms_beside_its_nodes_is_a_policy(
    policies: Path, tmp_path: Path
) -> None:
    whole = json.loads((policies / "standard.json").read_text())
    terms = {key: whole[key] for key in ("name", "version", "grades", "queues")}
    (tmp_path / "graph.json").write_text(json.dumps(whole["decision"] | terms))
    assert check_policy(tmp_path / "graph.json") == []
    same = load_policy(policies / "standard.json")
    assert load_policy(tmp_path / "graph.json").fingerprint == same.fingerprint
    (tmp_path / "graph.json").write_text(json.dumps(whole["decision"] | terms | {"colour": "red"}))
    (found,) = check_policy(tmp_path / "graph.json")
    assert "colour" in found.what


@pytest.mark.parametrize("body", ['{"a":' + "[" * 100_000, "[" * 100_000 + "]" * 100_000])
def test_a_file_that_is_nested_without_end_is_a_finding(tmp_path: Path, body: str) -> None:
    (tmp_path / "p.json").write_text(body)
    assert [f.rule for f in check_policy(tmp_path / "p.json")] == ["policy-file"]
