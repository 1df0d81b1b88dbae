"""What can be said against a policy's graph without running it: cheap, and certain.

Together the checks prove that every decision is complete: every table catches all, every row
gives a literal of the right type for every column, and the last node gathers them all.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import cast

import msgspec

from decisions.expressions.cost import (
    MOST_WORK,
    NUMBER,
    TEXT,
    CostWeights,
    TooLarge,
    weigh,
    weigh_test,
)
from decisions.expressions.syntax import parse
from decisions.expressions.tokens import NotUnderstood
from decisions.policy import jdm
from decisions.policy.expression_checks import complaint, impure_calls, names_in, read_by, shown
from decisions.policy.jdm import EXPRESSION, INPUT, KINDS, OUTPUT, TABLE, Graph, Node
from domain.decisions import override_named
from domain.versions.policy_manifest import GoldenRow

ROOTS = frozenset({"score", "percentile", "grade", "account_known", "profile", "features"})
"""The facts that a policy may name; `profile` and `features` by their own names within."""

LOWEST_PRIORITY = 5
MOST_HOURS = 10_000


class PolicyFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a policy: the rule it breaks, where, and what is wrong.

    `proof` are leads that show it, each with what the policy decides of it.
    """

    rule: str
    where: str
    what: str
    proof: tuple[GoldenRow, ...] = ()


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


ANSWER: dict[str, tuple[Callable[[object], bool], str]] = {
    "eligible": (lambda v: isinstance(v, bool), "true or false"),
    "action": (_text, "a text"),
    "queue": (_text, "a text"),
    "priority": (
        lambda v: type(v) is int and 1 <= v <= LOWEST_PRIORITY,
        f"a whole number from 1 to {LOWEST_PRIORITY}",
    ),
    "next_best_action": (_text, "a text"),
}
"""The keys of an answer beside `rules`: the test of their values, and how it reads."""
OPTIONAL: dict[str, tuple[Callable[[object], bool], str]] = {
    "owner_pool": (_text, "a text"),
    "service_level_h": (
        lambda v: type(v) in (int, float) and 0 < cast("float", v) <= MOST_HOURS,
        f"a number of hours above 0, at most {MOST_HOURS:,}",
    ),
}
"""The same of keys that an answer need not have."""


def check_graph(graph: Graph) -> list[PolicyFinding]:
    """All findings; none for a sound graph. Later checks need what earlier ones assure."""
    for stage in (_shape, _settings, _tables, _expressions, _answer):
        if findings := list(stage(graph)):
            return findings
    return []


def _finding(rule: str, where: str, what: str) -> PolicyFinding:
    return PolicyFinding(rule=f"policy-{rule}", where=where, what=what)


def _shape(graph: Graph) -> Iterator[PolicyFinding]:
    ids = [n.id for n in graph.nodes]
    for name in sorted({i for i in ids if ids.count(i) > 1}):
        yield _finding("node-ids-differ", f"node {name!r}", "the id is used twice")
    for end in {e for edge in graph.edges for e in (edge.source_id, edge.target_id)} - set(ids):
        yield _finding("nodes-known", "edges", f"an edge names node {end!r}, which is not there")
    for kind in (INPUT, OUTPUT):
        if (count := len(graph.of_kind(kind))) != 1:
            yield _finding("one-way-through", "nodes", f"{kind} occurs {count} times, must be once")
    for node in graph.nodes:
        if node.type not in KINDS:
            yield _finding("node-kinds", f"node {node.id!r}", _kind(node))
        elif node.type != INPUT and not graph.before(node):
            yield _finding("one-way-through", f"node {node.id!r}", "no edge leads to it")
    if graph.in_order() is None:
        yield _finding("one-way-through", "edges", "the edges run in a circle")


_REFUSED = {
    "functionNode": "a function: its JavaScript could read the clock, and could not be bounded",
    "switchNode": "a switch: it could leave an answer out",
    "decisionNode": "another decision's file: a policy stands in one file",
    "customNode": "a node of an application's own: nothing here knows what it does",
}
_INSTEAD = {
    "functionNode": "write it as expressions or as rows of a table",
    "switchNode": "make its conditions rows of a table",
    "decisionNode": "put that decision's nodes here",
}


def _kind(node: Node) -> str:
    named = f"({node.name}) " if node.name else ""
    if reason := _REFUSED.get(node.type):
        instead = _INSTEAD.get(node.type, "leave it out")
        return f"{named}is of type {node.type!r}, {reason}; {instead}"
    return f"{named}is of type {node.type!r}, must be one of {', '.join(sorted(KINDS))}"


def _settings(graph: Graph) -> Iterator[PolicyFinding]:
    paths = [n.content.output_path for n in graph.of_kind(TABLE)]
    for node in graph.nodes:
        where, content = f"node {node.id!r}", node.content
        if content.input_field or content.execution_mode != "single":
            yield _finding("node-settings", where, "it has an input field or loops over a list")
        if node.type == EXPRESSION and content.output_path:
            yield _finding("node-settings", where, "an expression node may have no output path")
        for key in (
            a.key for a in content.expressions if not a.key.isidentifier() or a.key in ROOTS
        ):
            yield _finding("output-path", where, f"key is {key!r}, must be a name of its own")
        if node.type != TABLE:
            continue
        if content.hit_policy != "first":
            yield _finding(
                "hit-policy", where, f"hit policy is {content.hit_policy!r}, must be 'first'"
            )
        path = content.output_path or ""
        if not path.isidentifier() or path in ROOTS or paths.count(path) > 1:
            yield _finding(
                "output-path", where, f"output path is {path!r}, must be a name of its own"
            )


def _tables(graph: Graph) -> Iterator[PolicyFinding]:
    earlier: dict[object, str] = {}
    for table in graph.of_kind(TABLE):
        where = f"node {table.id!r}"
        if "rule" not in table.columns:
            yield _finding("rule-column", where, "it has no output column 'rule'")
            continue
        rows = table.content.rules
        if not rows or jdm.conditions(table, rows[-1]):
            yield _finding("catch-all", where, "its last row does not catch all: it has conditions")
        for at, row in enumerate(rows):
            yield from _row(table, row, jdm.row_name(table, at), earlier)
            if at + 1 < len(rows) and not jdm.conditions(table, row):
                yield _finding("row-reachable", jdm.row_name(table, at), "hides all rows after it")


def _row(
    table: Node, row: dict[str, str], where: str, earlier: dict[object, str]
) -> Iterator[PolicyFinding]:
    rule = jdm.cell(row, jdm.column(table, "rule"))
    if not _text(rule):
        yield _finding("rule-id", where, "it has no rule identifier (a text in quotes)")
    elif override_named(str(rule)) is not None:
        yield _finding("rule-id", where, f"{rule!r} is how the record names an override")
    elif rule in earlier:
        yield _finding("rule-ids-differ", where, f"the identifier stands at {earlier[rule]} too")
    else:
        earlier[rule] = where
    for column in table.content.outputs:
        if jdm.cell(row, column.id) is None:
            yield _finding("output-literal", where, f"column {column.field!r} holds no literal")


def _expressions(graph: Graph) -> Iterator[PolicyFinding]:
    known: dict[str, dict[str, int]] = {}
    work = 0
    for node in graph.in_order() or ():
        visible = _seen_by(graph, node, known)
        worst = 0
        for part, text, unary in read_by(node):
            findings, steps = _expression(f"node {node.id!r}, {part}", text, visible, unary=unary)
            yield from findings
            worst, work = max(worst, steps), work + steps
        work += worst * len(node.content.rules)  # a column's field may be asked at every row
        known[node.id] = _names_set_by(node, visible)
    if work > MOST_WORK:
        what = f"a decision can take {work:,} steps, at most {MOST_WORK:,} may be"
        yield _finding("bounded", "the decision", what)


def _expression(
    where: str, text: str, known: CostWeights, *, unary: bool
) -> tuple[list[PolicyFinding], int]:
    """What is wrong with one expression, and the most work that it can take."""
    if wrong := complaint(text, unary=unary):
        return [_finding("expression", where, f"{shown(text)} does not compile: {wrong}")], 0
    tree = parse(text, unary=unary)
    findings = [
        ("pure", f"{call}() may give other answers to the same facts")
        for call in sorted(impure_calls(tree))
    ]
    findings += [
        ("names-known", f"{name!r} is no fact and no earlier result")
        for name in sorted(names_in(tree, unary=unary))
        if not _is_known(name, known)
    ]
    work = 0
    try:
        _, work = (weigh_test if unary else weigh)(tree, known)
    except TooLarge as bad:
        findings.append(("bounded", f"{shown(text)}: {bad}"))
    return [_finding(rule, where, what) for rule, what in findings], work


def _is_known(name: str, known: CostWeights) -> bool:
    root, _, rest = name.partition(".")
    return name in known or (bool(rest) and root in {"profile", "features"} and root in known)


def _seen_by(graph: Graph, node: Node, known: Mapping[str, dict[str, int]]) -> dict[str, int]:
    """The facts and results that the nodes before let through, with what they weigh at most."""
    visible: dict[str, int] = {}
    for earlier in graph.before(node):
        for name, weight in known[earlier.id].items():
            visible[name] = max(visible.get(name, 0), weight)
    return visible


def _names_set_by(node: Node, visible: dict[str, int]) -> dict[str, int]:
    if node.type == INPUT:
        return dict.fromkeys(ROOTS, TEXT)
    own = dict(visible) if node.content.pass_through else {}
    for assignment in node.content.expressions:
        with suppress(NotUnderstood, TooLarge):
            own[assignment.key] = weigh(parse(assignment.value, unary=False), visible)[0]
        own.setdefault(assignment.key, TEXT)
    for column in node.content.outputs:
        longest = max((len(row.get(column.id, "")) for row in node.content.rules), default=0)
        own[f"{node.content.output_path}.{column.field or ''}"] = max(longest, NUMBER)
    return own


def _answer(graph: Graph) -> Iterator[PolicyFinding]:
    last = graph.before(graph.of_kind(OUTPUT)[0])
    if len(last) != 1 or last[0].type != EXPRESSION or last[0].content.pass_through:
        where = "the output node"
        yield _finding("answer", where, "one expression node must lead to it, without pass-through")
        return
    values = {a.key: a.value.strip() for a in last[0].content.expressions}
    where, wanted = f"node {last[0].id!r}", {*ANSWER, "rules"}
    for key in sorted(wanted - set(values)):
        yield _finding("outputs-complete", where, f"the output {key!r} is missing")
    for key in sorted(set(values) - wanted - OPTIONAL.keys()):
        yield _finding("outputs-complete", where, f"the output {key!r} is not part of a decision")
    for key in (ANSWER.keys() | OPTIONAL.keys()) & values.keys():
        yield from _source(graph, where, key, values[key])
    if "rules" in values:
        yield from _rules(graph, where, values["rules"])


def _source(graph: Graph, where: str, key: str, path: str) -> Iterator[PolicyFinding]:
    test, reading = ANSWER.get(key) or OPTIONAL[key]
    root, _, name = path.partition(".")
    table = next((t for t in graph.of_kind(TABLE) if t.content.output_path == root), None)
    if table is None or name not in table.columns:
        yield _finding("answer", where, f"{key!r} is {path!r}, must be a column of a table")
        return
    for at, row in enumerate(table.content.rules):
        if not test(jdm.cell(row, jdm.column(table, name))):
            yield _finding("output-type", jdm.row_name(table, at), f"{name!r} must be {reading}")


def _rules(graph: Graph, where: str, text: str) -> Iterator[PolicyFinding]:
    tables = [n for n in graph.in_order() or () if n.type == TABLE]
    wanted = ", ".join(f"{t.content.output_path}.rule" for t in tables)
    if "".join(text.split()) != "".join(f"[{wanted}]".split()):
        yield _finding("answer", where, f"'rules' is {text!r}, must be [{wanted}]")
