"""What two rows leave out between them, so that it falls to a table's last row."""

from collections.abc import Iterator, Sequence

from decisions.policy.jdm import Node, row_name
from decisions.policy.lint import PolicyFinding
from decisions.proof.conditions import CellCondition
from decisions.proof.points import fitting, values_of
from decisions.proof.subject import Subject, finding, in_words
from domain.versions.policy_manifest import GoldenRow


def holes(subject: Subject) -> Iterator[PolicyFinding]:
    """What rows that differ in one column leave out between them: the last row catches it."""
    for table in subject.tables:
        for conditions in _families(subject, table):
            yield from _hole(subject, table, conditions)


def _families(subject: Subject, table: Node) -> list[list[CellCondition]]:
    """The conditions on a fact of rows that are alike in all other columns."""
    families: dict[tuple[str, frozenset[tuple[str, str]]], list[CellCondition]] = {}
    for at in range(len(table.content.rules) - 1):
        row = subject.reading.of_row(table.id, at)
        for column, condition in row.items():
            if len(condition.facts) == 1 and not condition.results:
                rest = frozenset((c, other.test) for c, other in row.items() if c != column)
                families.setdefault((column, rest), []).append(condition)
    return [family for family in families.values() if len(family) > 1]


def _hole(
    subject: Subject, table: Node, conditions: Sequence[CellCondition]
) -> Iterator[PolicyFinding]:
    """The first number that no row of a family catches, while others do below and above."""
    name, last = conditions[0].facts[0], len(table.content.rules) - 1
    numbers = sorted(v for v in values_of(subject, name) if type(v) is float)
    by_number = {n: _catching(subject, conditions, name, n) for n in numbers}
    caught = [n for n in numbers if by_number[n] is not None]
    rest = subject.reading.of_row(table.id, conditions[0].row)
    for number in numbers:
        if not caught or not caught[0] < number < caught[-1] or number in caught:
            continue
        facts = fitting(subject, [c for c in rest.values() if c.column != conditions[0].column])
        lead = None if facts is None else subject.decided({**facts, name: number})
        if lead is not None and subject.rule(table, last) in lead.decision.rules:
            below = by_number[max(n for n in caught if n < number)]
            above = by_number[min(n for n in caught if n > number)]
            yield _finding(subject, table, below or 0, above or 0, f"{name} {number:g}", lead)
            return


def _catching(
    subject: Subject, conditions: Sequence[CellCondition], name: str, number: float
) -> int | None:
    """The first row whose condition a number meets."""
    return next((c.row for c in conditions if subject.evaluator.holds(c, {name: number})), None)


def _finding(
    subject: Subject, table: Node, below: int, above: int, what: str, lead: GoldenRow
) -> PolicyFinding:
    text = (
        f"it and {subject.rule(table, above)!r} leave out {what} between them: only the last row "
        f"catches a lead with {in_words(lead)}"
    )
    return finding("gap", row_name(table, below), text, lead)
