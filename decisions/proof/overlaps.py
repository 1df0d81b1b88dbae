"""Rows that catch the same lead with different outcomes."""

from collections.abc import Iterator
from itertools import islice

from decisions.policy.jdm import Node, cell, conditions, row_name
from decisions.policy.lint import PolicyFinding
from decisions.proof.conditions import CellCondition
from decisions.proof.points import values_of
from decisions.proof.subject import MOST_TOLD, Subject, finding, in_words
from domain.versions.policy_manifest import GoldenRow


def overlaps(subject: Subject) -> Iterator[PolicyFinding]:
    """Rows that catch the same lead with different outcomes, neither of them the narrower.

    A row that is narrower than a later one is an exception from it, and says so by its place. One
    that asks about other columns comes first on purpose, unless the table is declared exclusive.
    """
    for table in subject.tables:
        walk = subject.walk(subject.before(_results(table)), pairs=table.id)
        together = walk.run(subject.each).together
        pairs = sorted((one, other) for _, one, other in together)
        unlike = (p for p in pairs if _at_odds(subject, table, *p))
        for one, other in islice(unlike, MOST_TOLD):
            lead = subject.lead(together[table.id, one, other])
            if subject.rule(table, one) in lead.decision.rules:
                yield _overlap(subject, table, one, other, lead)


def _at_odds(subject: Subject, table: Node, one: int, other: int) -> bool:
    """Whether two rows that catch the same lead contradict each other."""
    if _outcome(table, one) == _outcome(table, other):
        return False
    if table.id not in subject.declared.exclusive and _tested_columns(
        table, one
    ) != _tested_columns(table, other):
        return False
    return not _narrower(subject, table, one, other)


def _tested_columns(table: Node, at: int) -> set[str]:
    return {c.id for c, _ in conditions(table, table.content.rules[at])}


def _overlap(subject: Subject, table: Node, one: int, other: int, lead: GoldenRow) -> PolicyFinding:
    what = (
        f"{subject.rule(table, one)!r} before it catches the same leads with another outcome, as "
        f"one with {in_words(lead)}: narrow one of them"
    )
    return finding("overlap", row_name(table, other), what, lead)


def _results(table: Node) -> list[str]:
    return [f"{table.content.output_path}.{c.field}" for c in table.content.outputs]


def _outcome(table: Node, at: int) -> list[object]:
    row = table.content.rules[at]
    return [cell(row, c.id) for c in table.content.outputs if c.field != "rule"]


def _narrower(subject: Subject, table: Node, one: int, other: int) -> bool:
    """Whether all that a row catches another one would catch, column by column."""
    mine = subject.reading.of_row(table.id, one)
    theirs = subject.reading.of_row(table.id, other).values()
    return all(c.column in mine and _implies(subject, mine[c.column], c) for c in theirs)


def _implies(subject: Subject, one: CellCondition, other: CellCondition) -> bool:
    if one.test == other.test:
        return True
    if (
        one.results != other.results
        or one.facts != other.facts
        or len(one.facts) + len(one.results) != 1
    ):
        return False
    name = (*one.facts, *one.results)[0]
    return all(
        subject.evaluator.holds(other, {name: value})
        for value in values_of(subject, name)
        if subject.evaluator.holds(one, {name: value})
    )
