"""Policies as versioned files: grades, and a decision model that sales operations can open."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from decisions.policy.declarations import Declarations
from decisions.policy.graph_file import PolicyTerms, as_policy, is_graph
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
_TODO = "See docs/glossary.md for the fields of a policy."


class GradeThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least calibrated probability of grades A, B and C; D is everything below."""

    A: Threshold
    B: Threshold
    C: Threshold

    def __post_init__(self) -> None:
        if not self.A > self.B > self.C:
            raise ValueError(f"A, B, C are {self.A}, {self.B}, {self.C}, must descend strictly")


class PolicyFile(Declarations, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy's file, as it stands. `decision` is a JSON Decision Model graph.

    What it declares beside is for the checks alone.
    """

    name: Annotated[str, _NAME]
    version: Annotated[str, _VERSION]
    description: str = ""
    grades: GradeThresholds
    decision: msgspec.Raw


def load_policy(path: Path, label: str | None = None) -> ZenPolicy:
    """The policy that a file holds; `label` is its name in records, else the file's own.

    Raises BadConfiguration naming the file and, where there is one, the node and the row.
    """
    file, graph = read_policy(path)
    if findings := _check(file, graph):
        first = findings[0]
        raise BadConfiguration(
            first.what,
            rule=first.rule,
            where=f"{path.name}: {first.where}",
            todo=""
            if len(findings) == 1
            else f"{len(findings) - 1} more: see `leadscore policy check`.",
        )
    grades = (file.grades.A, file.grades.B, file.grades.C)
    named = f"{file.name}-{file.version}" if label is None else label
    return ZenPolicy(named, grades, bytes(file.decision), graph)


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
        file, graph = read_policy(path)
        if findings := _check(file, graph):
            return findings
        findings = review(graph, file.queue_names, known, grades)
        if before is not None:
            earlier, former = read_policy(before)
            label = f"{earlier.name}-{earlier.version}"
            findings += lost_rules(graph, former, label, file.retired)
    except BadConfiguration as bad:
        what = f"{bad.what}. {bad.todo}" if bad.todo else bad.what
        return [PolicyFinding(rule=bad.rule, where="the file", what=what)]
    return findings


def rules_in(path: Path) -> set[object]:
    """The rule identifiers in a policy's file; none where it cannot be read."""
    try:
        return {rule for table in read_policy(path)[1].of_kind(TABLE) for rule in rules_of(table)}
    except BadConfiguration:
        return set()


def name_in(path: Path) -> str:
    """The name of a policy's file; "" where it cannot be read."""
    try:
        return read_policy(path)[0].name
    except BadConfiguration:
        return ""


def _check(file: PolicyFile, graph: Graph) -> list[PolicyFinding]:
    return check_graph(graph) or probe(bytes(file.decision), graph)


def read_policy(path: Path) -> tuple[PolicyFile, Graph]:
    """A policy's file and its graph, neither checked. Raises BadConfiguration."""
    document = normal_form(read_bytes(path), path.name)
    try:
        file = msgspec.json.decode(document, type=PolicyFile)
        return file, _graph(file.decision, path.name)
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise BadConfiguration(str(bad), rule="policy-file", where=path.name, todo=_TODO) from bad
    except RecursionError as bad:
        raise BadConfiguration(
            "the file is nested too deeply", rule="policy-file", where=path.name, todo=_TODO
        ) from bad


def normal_form(document: bytes, name: str) -> bytes:
    """A policy's document with the graph under `decision`, where it stands beside name and grades.

    What is no graph stays as it is. Raises BadConfiguration where a graph lacks what it needs.
    """
    try:
        parsed = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return document
    if not is_graph(parsed):
        return document
    try:
        return msgspec.json.format(msgspec.json.encode(as_policy(parsed, PolicyTerms())), indent=2)
    except BadConfiguration as bad:
        bad.where = name
        raise


def read_bytes(path: Path) -> bytes:
    """A policy's file as it stands. Raises BadConfiguration where it cannot be, or is too large."""
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


def _graph(decision: msgspec.Raw, name: str) -> Graph:
    try:
        msgspec.json.decode(decision)  # what is let through unread must not be nested too deep
        return read_graph(bytes(decision))
    except msgspec.ValidationError as bad:
        raise BadConfiguration(
            f"`decision` is not a valid graph: {bad}", rule="policy-graph", where=name, todo=_TODO
        ) from bad
