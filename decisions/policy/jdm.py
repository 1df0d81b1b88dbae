"""The part of the JSON Decision Model that a policy may use, typed.

A graph runs from one input node through expression and first-hit table nodes to one output node.
Keys that an editor adds for itself (positions, descriptions) are let through.
"""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated

import msgspec

INPUT, OUTPUT = "inputNode", "outputNode"
TABLE, EXPRESSION = "decisionTableNode", "expressionNode"
KINDS = frozenset({INPUT, OUTPUT, TABLE, EXPRESSION})
"""Function nodes could read the clock, switch nodes could leave an answer out."""

MOST_NODES, MOST_EDGES = 200, 2_000


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table. An input without a field holds whole conditions."""

    id: str
    name: str = ""
    field: str | None = None


class ExpressionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an expression node: `key` becomes `value`."""

    key: str
    value: str


class Content(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a node holds; a table uses the first three lists, an expression node the fourth."""

    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()
    rules: tuple[dict[str, str], ...] = ()
    expressions: tuple[ExpressionLine, ...] = ()
    hit_policy: str = "first"
    pass_through: bool = False
    input_field: str | None = None
    output_path: str | None = None
    execution_mode: str = "single"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the graph."""

    id: str
    type: str
    name: str = ""
    content: Content = Content()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a table's output columns."""
        return tuple(c.field or "" for c in self.content.outputs)


class Edge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An arrow from a node to a later one."""

    source_id: str
    target_id: str


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A decision."""

    nodes: Annotated[tuple[Node, ...], msgspec.Meta(max_length=MOST_NODES)]
    edges: Annotated[tuple[Edge, ...], msgspec.Meta(max_length=MOST_EDGES)]

    def before(self, node: Node) -> list[Node]:
        """The nodes with an arrow to this one."""
        sources = {e.source_id for e in self.edges if e.target_id == node.id}
        return [n for n in self.nodes if n.id in sources]

    def in_order(self) -> list[Node] | None:
        """The nodes, each after those before it; None where the arrows run in a circle."""
        by_id = {n.id: n for n in self.nodes}
        sorter = TopologicalSorter({n.id: [b.id for b in self.before(n)] for n in self.nodes})
        try:
            return [by_id[name] for name in sorter.static_order()]
        except CycleError:
            return None

    def of_kind(self, kind: str) -> list[Node]:
        """The nodes of a type, in the document's order."""
        return [n for n in self.nodes if n.type == kind]


class _RawNode(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    name: str | None = None
    content: msgspec.Raw = msgspec.Raw(b"{}")


class _RawGraph(msgspec.Struct, frozen=True, kw_only=True):
    nodes: Annotated[tuple[_RawNode, ...], msgspec.Meta(max_length=MOST_NODES)]
    edges: Annotated[tuple[Edge, ...], msgspec.Meta(max_length=MOST_EDGES)]


class _RawContent(Content, frozen=True, kw_only=True, rename="camel"):
    rules: tuple[dict[str, str | None], ...] = ()  # type: ignore[assignment]


def read_graph(decision: bytes) -> Graph:
    """The graph of a JSON Decision Model. Raises msgspec.ValidationError.

    What a node of another kind holds is not looked at: the kind itself is a finding.
    """
    graph = msgspec.json.decode(decision, type=_RawGraph)
    nodes = tuple(
        Node(id=n.id, type=n.type, name=n.name or "", content=_content(n)) for n in graph.nodes
    )
    return Graph(nodes=nodes, edges=graph.edges)


def _content(node: _RawNode) -> Content:
    if node.type not in (TABLE, EXPRESSION):
        return Content()
    try:
        content = msgspec.json.decode(node.content, type=_RawContent)
    except msgspec.ValidationError as bad:
        raise msgspec.ValidationError(f"node {node.id!r}: {bad}") from bad
    rows = tuple({name: cell or "" for name, cell in row.items()} for row in content.rules)
    parts = {name: getattr(content, name) for name in Content.__struct_fields__}
    return Content(**{**parts, "rules": rows})


def row_name(table: Node, at: int) -> str:
    """What a row of a table is called in findings: its place, and its rule where it has one."""
    rule = cell(table.content.rules[at], column(table, "rule"))
    return f"node {table.id!r}, row {at + 1}" + (f" ({rule})" if rule else "")


def column(table: Node, name: str) -> str | None:
    """The id of the output column of that name."""
    return next((c.id for c in table.content.outputs if c.field == name), None)


def cell(row: dict[str, str], column_id: str | None) -> object:
    """The literal in a cell; None where the cell is blank or holds no literal.

    >>> cell({"o1": "'sales'", "o2": "2"}, "o1"), cell({"o1": "a + 1"}, "o1")
    ('sales', None)
    """
    text = row.get(column_id or "", "").strip()
    if len(text) >= 2 and text[0] == text[-1] == "'" and not set(text[1:-1]) & set("'\\"):
        return text[1:-1]
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return None if isinstance(value, (list, dict)) else value


def conditions(table: Node, row: dict[str, str]) -> Sequence[tuple[Column, str]]:
    """The cells of a row that say something, with their columns."""
    cells = ((c, row.get(c.id, "").strip()) for c in table.content.inputs)
    return [(c, text) for c, text in cells if text]
