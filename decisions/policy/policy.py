"""Policies as versioned files: grades, and a decision model that sales operations can open."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from decisions.policy.jdm import TABLE, Graph, read_graph
from decisions.policy.lint import PolicyFinding, check_graph
from decisions.policy.lost_rules import lost_rules, rules_of
from decisions.policy.review import review
from decisions.policy.table_axes import GRADES
from decisions.policy.zen_policy import ZenPolicy, probe
from domain.errors import BadConfiguration

Threshold = Annotated[float, msgspec.Meta(gt=0, lt=1)]
_NAME = msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)
_VERSION = msgspec.Meta(pattern=r"^[0-9a-z.]+$", max_length=32)
MOST_BYTES = 4_000_000
"""A policy's file may be so large."""
_BARE = (
    "Put the graph under `decision`, beside `name`, `version` and `grades`: "
    '{"name": "mine", "version": "1", "grades": {"A": 0.2, "B": 0.1, "C": 0.04}, '
    '"decision": {...}}.'
)
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_TODO = "See docs/glossary.md for the fields of a policy."


class GradeThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least calibrated probability of grades A, B and C; D is everything below."""

    A: Threshold
    B: Threshold
    C: Threshold

    def __post_init__(self) -> None:
        if not self.A > self.B > self.C:
            raise ValueError(f"A, B, C are {self.A}, {self.B}, {self.C}, must descend strictly")


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy's file, as it stands. `decision` is a JSON Decision Model graph.

    `queues` declares all that it may use (none: any); `retired` names rules of earlier versions
    that it leaves out on purpose. Both are for the checks alone.
    """

    name: Annotated[str, _NAME]
    version: Annotated[str, _VERSION]
    description: str = ""
    grades: GradeThresholds
    queues: tuple[_Text, ...] = ()
    retired: tuple[_Text, ...] = ()
    decision: msgspec.Raw


def load_policy(path: Path, label: str | None = None) -> ZenPolicy:
    """The policy that a file holds; `label` is its name in records, else the file's own.

    Raises BadConfiguration naming the file and, where there is one, the node and the row.
    """
    held, graph = _read(path)
    if found := _check(held, graph):
        first = found[0]
        raise BadConfiguration(
            first.what,
            rule=first.rule,
            where=f"{path.name}: {first.where}",
            todo="" if len(found) == 1 else f"{len(found) - 1} more: see `leadscore policy check`.",
        )
    grades = (held.grades.A, held.grades.B, held.grades.C)
    named = f"{held.name}-{held.version}" if label is None else label
    return ZenPolicy(named, grades, bytes(held.decision), graph)


def check_policy(
    path: Path,
    known: Collection[str] | None = None,
    before: Path | None = None,
    grades: Sequence[str] = GRADES,
) -> list[PolicyFinding]:
    """All that can be said against a policy's file; empty where nothing can.

    What `load_policy` refuses it for comes alone; only a policy that can be run is reviewed.
    `known` are the attributes and features that there are, `before` is the file of an earlier
    policy, whose rules must be here or declared as retired. `grades` are those that leads have:
    what a table asks of another one is found.
    """
    try:
        held, graph = _read(path)
        if found := _check(held, graph):
            return found
        found = review(graph, held.queues, known, grades)
        if before is not None:
            earlier, was = _read(before)
            label = f"{earlier.name}-{earlier.version}"
            found += lost_rules(graph, was, label, held.retired)
    except BadConfiguration as bad:
        what = f"{bad.what}. {bad.todo}" if bad.todo else bad.what
        return [PolicyFinding(rule=bad.rule, where="the file", what=what)]
    return found


def rules_in(path: Path) -> set[object]:
    """The rule identifiers in a policy's file; none where it cannot be read."""
    try:
        return {rule for table in _read(path)[1].of_kind(TABLE) for rule in rules_of(table)}
    except BadConfiguration:
        return set()


def name_in(path: Path) -> str:
    """The name of a policy's file; "" where it cannot be read."""
    try:
        return _read(path)[0].name
    except BadConfiguration:
        return ""


def _check(held: PolicyFile, graph: Graph) -> list[PolicyFinding]:
    return check_graph(graph) or probe(bytes(held.decision), graph)


def _read(path: Path) -> tuple[PolicyFile, Graph]:
    document = _bytes(path)
    try:
        held = msgspec.json.decode(document, type=PolicyFile)
        return held, _graph(held.decision, path.name)
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        _refuse_bare_graph(document, path.name)
        raise BadConfiguration(str(bad), rule="policy-file", where=path.name, todo=_TODO) from bad
    except RecursionError as bad:
        raise BadConfiguration(
            "the file is nested too deeply", rule="policy-file", where=path.name, todo=_TODO
        ) from bad


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            document = stream.read(MOST_BYTES + 1)
    except OSError as bad:
        raise BadConfiguration(
            "the file cannot be read", rule="policy-readable", where=path.name
        ) from bad
    if len(document) > MOST_BYTES:
        raise BadConfiguration(
            f"the file has more than {MOST_BYTES:,} bytes", rule="policy-file", where=path.name
        )
    return document


def _refuse_bare_graph(document: bytes, name: str) -> None:
    """Say what to do about a graph alone, as the GoRules editor saves it."""
    try:
        held = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if isinstance(held, dict) and {"nodes", "edges"} <= held.keys():
        raise BadConfiguration(
            "the file is a bare decision graph, as the GoRules editor saves it",
            rule="policy-file",
            where=name,
            todo=_BARE,
        )


def _graph(decision: msgspec.Raw, name: str) -> Graph:
    try:
        msgspec.json.decode(decision)  # what is let through unread must not be nested too deep
        return read_graph(bytes(decision))
    except msgspec.ValidationError as bad:
        raise BadConfiguration(
            f"`decision` is not a valid graph: {bad}", rule="policy-graph", where=name, todo=_TODO
        ) from bad
