"""Which facts parts of a decision rest on: a graph followed from its answer back to its inputs."""

from collections.abc import Collection

from decisions.expressions.syntax import parse
from decisions.policy.expression_checks import names, names_in, read_by
from decisions.policy.jdm import EXPRESSION, OUTPUT, TABLE, Graph, Node

ROUTING_FIELDS = ("eligible", "action", "queue", "priority")


def facts_behind(graph: Graph, fields: Collection[str]) -> frozenset[str]:
    """All names that those fields of the answer may rest on, names of other nodes included.

    More rather than fewer: of a table every column counts, whatever its rows say.
    """
    last = [node for end in graph.of_kind(OUTPUT) for node in graph.before(end)]
    waiting = {name for node in last for field in fields for name in _read_for(node, field)}
    known: set[str] = set()
    while waiting:
        name = waiting.pop()
        known.add(name)
        for node in graph.nodes:
            waiting |= {read for read in _read_for(node, name) if read not in known}
    return frozenset(known)


def _read_for(node: Node, name: str) -> set[str]:
    """What a node reads to give a name, or a part of it; nothing where it gives none such."""
    if node.type == EXPRESSION:
        lines = (line for line in node.content.expressions if _alike(line.key, name))
        return {read for line in lines for read in names(line.value)}
    if node.type != TABLE:
        return set()
    path = node.content.output_path
    outputs = [f"{path}.{one}" if path else one for one in node.columns]
    if not any(_alike(one, name) for one in outputs):
        return set()
    return {
        read
        for _, text, unary in read_by(node)
        for read in names_in(parse(text, unary=unary), unary=unary)
    }


def _alike(one: str, other: str) -> bool:
    """Whether one name is the other, or a part of it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
