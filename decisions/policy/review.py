"""What a policy that can be run probably does not mean: found, told, and for its author to judge.

The checks of `decisions.policy.lint` say whether a policy may be run at all. These say where it
does something that hardly anybody wants: a row that no lead reaches, a value that is never there, a
name that is nearly another one, a fact that is always null, a rule that got lost.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from decisions.expressions.spelling import near
from decisions.expressions.syntax import CELL, Tree, parse
from decisions.policy.expression_checks import named_facts, read_by
from decisions.policy.jdm import TABLE, Graph, Node, cell, column, conditions, row_name
from decisions.policy.lint import PolicyFinding
from decisions.policy.table_axes import (
    GRADES,
    MOST_BOXES,
    CellValue,
    Domains,
    Space,
    domains,
    literals,
    meet,
    space_of,
    without,
)

MOST_ROWS = 500
"""Of longer tables only so many rows are held against each other."""
_NAMES = ("action", "queue", "next_best_action")


def review(
    graph: Graph,
    queues: Collection[str] = (),
    known: Collection[str] | None = None,
    grades: Sequence[str] = GRADES,
) -> list[PolicyFinding]:
    """Findings about a graph in which `check_graph` finds nothing.

    `queues` are those that the policy declares (none: any may be used), `known` the attributes
    and features that there are (None: not known), `grades` those that leads have.
    """
    findings = domains(graph, grades)
    return [
        *_values(graph, findings),
        *(one for table in graph.of_kind(TABLE) for one in _rows(table, findings)),
        *_told_apart(graph, findings),
        *_names(graph, queues),
        *_grades(graph, grades),
        *_facts(graph, known),
    ]


def _finding(rule: str, where: str, what: str) -> PolicyFinding:
    return PolicyFinding(rule=f"policy-{rule}", where=where, what=what)


def _values(graph: Graph, known: Domains) -> Iterator[PolicyFinding]:
    """Texts that a name is compared with, and never is."""
    for node in graph.nodes:
        for part, text, unary in read_by(node):
            if not unary:
                where = f"node {node.id!r}, {part}"
                yield from _strange(where, parse(text, unary=False), "", known)
        for at, row in enumerate(node.content.rules if node.type == TABLE else ()):
            for name, text in conditions(node, row):
                if name.field:
                    tree = parse(text, unary=True)
                    yield from _strange(row_name(node, at), tree, name.field, known)


def _strange(where: str, tree: Tree, cell_of: str, known: Domains) -> Iterator[PolicyFinding]:
    for name, text in sorted(set(_compared(tree, cell_of))):
        values = known.get(name)
        if values is None or text in values:
            continue
        texts = [v for v in values if isinstance(v, str)]
        nearest = near(text, texts) or next((t for t in texts if t == text.strip().upper()), None)
        sentence = f"{name!r} is never {text!r}, only {', '.join(map(repr, values[:8]))}"
        yield _finding("value-known", where, sentence + (f": {nearest!r}?" if nearest else ""))


def _compared(tree: Tree, cell_of: str) -> Iterator[tuple[str, str]]:
    """Which names are compared with which literal texts."""
    if cell_of:
        for part in tree.parts:
            for text in _texts(part):
                yield cell_of, text
    for part in tree.walk():
        if part.shape != "operator" or part.value not in ("==", "!=", "in", "not in"):
            continue
        sides = part.parts if part.value in ("==", "!=") else part.parts[:1]
        for at, side in enumerate(sides):
            if side.shape == "name":
                name = cell_of if side.value == CELL else str(side.value)
                for text in _texts(part.parts[1 - at]):
                    yield name, text


def _texts(tree: Tree) -> list[str]:
    if tree.shape == "literal":
        return [tree.value] if isinstance(tree.value, str) else []
    return [t for part in tree.parts for t in _texts(part)] if tree.shape == "list" else []


def _rows(table: Node, known: Domains) -> Iterator[PolicyFinding]:
    """Rows that no lead reaches; the last one catches what is left, if only to be safe."""
    space = space_of(table, known)
    for at, box in enumerate(space.most[: min(MOST_ROWS, len(space.most) - 1)]):
        where = row_name(table, at)
        nowhere = [a.field for a, cells in zip(space.axes, box, strict=True) if not cells]
        if nowhere:
            sentence = f"its condition on {nowhere[0]!r} never holds"
            yield _finding("row-reachable", where, sentence)
        elif by := _hidden_by(table, space, at):
            yield _finding("row-reachable", where, f"no lead reaches it: {by}")


def _hidden_by(table: Node, space: Space, at: int) -> str:
    """Which rows before it catch all that a row would, in words; "" where some of it is left."""
    box = space.most[at]
    left, used = [box], 0
    for earlier, caught in enumerate(space.least[:at]):
        if caught is None or (both := meet(box, caught)) is None:
            continue
        if both == box:
            return f"{row_name(table, earlier)} before it catches all that it would"
        if left:
            used += 1
            left = without(left, caught)
        if len(left) > MOST_BOXES:
            return ""
    return "" if left else f"{used} rows before it together catch all that it would"


def _told_apart(graph: Graph, known: Domains) -> Iterator[PolicyFinding]:
    """Values that a table tells apart for others to look at, and none does.

    One value may be left to "else"; of two, a rule for one of them is missing.
    """
    reads = {name for node in graph.nodes for name in _answers(node)}
    for table in graph.of_kind(TABLE):
        for output in table.content.outputs:
            name = f"{table.content.output_path}.{output.field}"
            named = {text for node in graph.nodes for text in _asked_for(node, name)}
            unnamed = [v for v in known[name] if isinstance(v, str) and v not in named]
            if named and name not in reads and len(unnamed) > 1:
                sentence = f"{', '.join(map(repr, unnamed))} of {name!r} are told apart here, and "
                yield _finding(
                    "rule-missing", f"node {table.id!r}", sentence + "no later rule asks for any"
                )


def _answers(node: Node) -> list[str]:
    return [line.value.strip() for line in node.content.expressions]


def _asked_for(node: Node, name: str) -> Iterator[CellValue]:
    for row in node.content.rules:
        for column_name, text in conditions(node, row):
            tree = parse(text, unary=bool(column_name.field))
            if column_name.field == name or (not column_name.field and _reads(tree, name)):
                yield from literals(tree)
    for _, text, unary in read_by(node):
        if not unary and _reads(tree := parse(text, unary=False), name):
            yield from literals(tree)


def _reads(tree: Tree, name: str) -> bool:
    return any(part.shape == "name" and part.value == name for part in tree.walk())


def _names(graph: Graph, queues: Collection[str]) -> Iterator[PolicyFinding]:
    for table in graph.of_kind(TABLE):
        for name in _NAMES:
            if (values := column(table, name)) is None:
                continue
            rows = [cell(row, values) for row in table.content.rules]
            count = Counter(value for value in rows if isinstance(value, str))
            for at, value in enumerate(rows):
                if isinstance(value, str):
                    yield from _name(row_name(table, at), name, value, count, queues)


def _name(
    where: str, column_name: str, value: str, count: Mapping[str, int], queues: Collection[str]
) -> Iterator[PolicyFinding]:
    if column_name == "queue" and queues:
        if value not in queues:
            nearest = near(value, queues)
            sentence = f"queue {value!r} is not declared" + (f": {nearest!r}?" if nearest else "")
            yield _finding("queue-known", where, sentence)
        return
    commoner = [other for other, times in count.items() if times >= count[value]]
    if nearest := near(value, commoner):
        sentence = f"{column_name} {value!r} is nearly {nearest!r}: a slip?"
        yield _finding("spelling", where, sentence)


def _grades(graph: Graph, grades: Sequence[str]) -> Iterator[PolicyFinding]:
    for table in graph.of_kind(TABLE):
        values = column(table, "grade")
        for at, row in enumerate(table.content.rules if values else ()):
            if (value := cell(row, values)) not in grades:
                sentence = f"grade {value!r} is none of {', '.join(grades)}"
                yield _finding("value-known", row_name(table, at), sentence)


def _facts(graph: Graph, known: Collection[str] | None) -> Iterator[PolicyFinding]:
    if known is None:
        return
    for name in sorted(named_facts(graph)):
        root, _, rest = name.partition(".")
        if root not in ("profile", "features") or rest in known or name == "profile.outcome":
            continue
        nearest = near(rest, known)
        sentence = f"{name!r} is always null: no attribute or feature has that name"
        yield _finding(
            "fact-known", _places(graph, name), sentence + (f"; {nearest!r}?" if nearest else "")
        )


def _places(graph: Graph, name: str) -> str:
    """Where a name is read: the first place, and how many more there are."""
    places = [
        f"node {node.id!r}, {part}"
        for node in graph.nodes
        for part, text, unary in read_by(node)
        if _reads(parse(text, unary=unary), name)
    ]
    return places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "")
