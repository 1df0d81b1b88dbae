"""The strongly connected components of a graph (Tarjan 1972), without recursion."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

N = TypeVar("N")


def components(graph: Mapping[N, Sequence[N]]) -> dict[N, int]:
    """The number of each node's component; nodes of one component reach one another.

    >>> found = components({"a": ["b"], "b": ["a", "c"], "c": []})
    >>> found["a"] == found["b"] != found["c"]
    True
    """
    search = _Search(graph)
    for node in graph:
        if node not in search.index:
            search.visit(node)
    return search.component


class _Search(Generic[N]):
    def __init__(self, graph: Mapping[N, Sequence[N]]) -> None:
        self._graph = graph
        self.index: dict[N, int] = {}
        self._low: dict[N, int] = {}
        self._stack: list[N] = []
        self.component: dict[N, int] = {}

    def visit(self, root: N) -> None:
        """Search from a node that was not met before."""
        path: list[tuple[N, Iterator[N]]] = [self._open(root)]
        while path:
            node, following = path[-1]
            other = next(following, None)
            if other is None:
                path.pop()
                self._close(node)
                if path:
                    before = path[-1][0]
                    self._low[before] = min(self._low[before], self._low[node])
            elif other not in self.index:
                path.append(self._open(other))
            elif other not in self.component:
                self._low[node] = min(self._low[node], self.index[other])

    def _open(self, node: N) -> tuple[N, Iterator[N]]:
        self.index[node] = self._low[node] = len(self.index)
        self._stack.append(node)
        return node, iter(self._graph.get(node, ()))

    def _close(self, node: N) -> None:
        if self._low[node] != self.index[node]:
            return
        number = self.index[node]
        while True:
            other = self._stack.pop()
            self.component[other] = number
            if other == node:
                return
