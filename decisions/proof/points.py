"""Leads that some conditions catch, and the values that a fact or a result may have."""

from collections.abc import Sequence

from decisions.policy.jdm import cell, column
from decisions.policy.table_axes import CellValue
from decisions.proof.conditions import CellCondition
from decisions.proof.fact_cells import SCORED
from decisions.proof.subject import Subject


def fitting(subject: Subject, conditions: Sequence[CellCondition]) -> dict[str, CellValue] | None:
    """Facts of which conditions hold that read facts alone; None where there are none."""
    pure = [c for c in conditions if not c.results]
    facts: dict[str, CellValue] = {}
    for group in subject.groups(subject.tables):
        due = [c for c in pure if set(c.facts) & set(group.facts)]
        if not due:
            continue
        points = (dict(zip(group.facts, point, strict=True)) for point in group.points)
        point = next((p for p in points if all(subject.evaluator.holds(c, p) for c in due)), None)
        if point is None:
            return None
        facts |= point
    return facts


def values_of(subject: Subject, name: str) -> Sequence[CellValue]:
    """All values that stand for a fact or a result."""
    if name in SCORED:
        return [point[SCORED.index(name)] for point in subject.scores]
    if name in subject.cells:
        return subject.cells[name]
    table = next(t for t in subject.tables if t.id == subject.reading.results[name])
    wanted = column(table, name.rpartition(".")[2])
    values = {cell(row, wanted) for row in table.content.rules}
    return [float(v) if type(v) is int else v for v in values]  # type: ignore[misc]
