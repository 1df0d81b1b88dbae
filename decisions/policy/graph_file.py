"""Files that the GoRules editor writes: a graph alone, which is a policy once it has its terms.

The editor saves `nodes`, `edges` and keys of its own. A policy needs a name, a version and the
grades' thresholds too: they stand beside the graph's keys, or are given, or are those of the policy
that the graph was made from. None of them is guessed.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import BadConfiguration, BadInput

GRAPH_KEYS = frozenset({"nodes", "edges", "contentType", "settings", "metadata"})
"""What the editor writes of a graph; all else beside it is the policy's."""
NEEDED = ("name", "version", "grades")
TERMS = "`--name`, `--version` and `--thresholds 0.2,0.1,0.04`"


class PolicyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy needs beside its graph; None is not given."""

    name: str | None = None
    version: str | None = None
    thresholds: tuple[float, float, float] | None = None

    def keys_of_file(self) -> dict[str, Any]:
        """As the keys of a policy's file."""
        grades = None if self.thresholds is None else dict(zip("ABC", self.thresholds, strict=True))
        keys = {"name": self.name, "version": self.version, "grades": grades}
        return {key: value for key, value in keys.items() if value is not None}


def thresholds_of(text: str) -> tuple[float, float, float]:
    """The least probabilities of A, B and C, as typed. Raises BadInput.

    >>> thresholds_of("0.2,0.1,0.04")
    (0.2, 0.1, 0.04)
    """
    try:
        a, b, c = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            "these are not three numbers",
            rule="policy-thresholds",
            where="--thresholds",
            todo="Write the least probabilities of A, B and C, as 0.2,0.1,0.04.",
        ) from None
    return a, b, c


def is_graph(document: object) -> bool:
    """Whether a document is a graph alone."""
    return isinstance(document, dict) and {"nodes", "edges"} <= document.keys()


def as_policy(
    document: Mapping[str, Any], terms: PolicyTerms, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A graph as a policy's document, or a policy's document with other terms.

    What neither is given nor stands beside the graph is that of `before`, the policy that the
    graph was made from. Raises BadConfiguration naming what is missing.
    """
    if is_graph(document):
        own = {k: v for k, v in document.items() if k not in GRAPH_KEYS}
        graph = {k: v for k, v in document.items() if k in GRAPH_KEYS}
        policy = {**(before or {}), **own, **terms.keys_of_file(), "decision": graph}
    else:
        policy = {**document, **terms.keys_of_file()}
    if missing := [key for key in NEEDED if key not in policy]:
        raise BadConfiguration(
            "the file is a bare decision graph, as the GoRules editor saves it, without "
            + ", ".join(f"`{key}`" for key in missing),
            rule="policy-file",
            todo=f"Give {TERMS}, or write these keys beside its `nodes`.",
        )
    return policy
