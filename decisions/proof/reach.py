"""Rules that never fire, and tables whose last row is needed though they are declared complete."""

from collections.abc import Iterator, Mapping

from decisions.policy.jdm import Node, row_name
from decisions.policy.lint import PolicyFinding
from decisions.proof.points import fitting
from decisions.proof.subject import Subject, finding, in_words, rules_of
from decisions.proof.walk import Trace


def never_fires(subject: Subject) -> Iterator[PolicyFinding]:
    """Rows that no lead reaches, whatever earlier tables do; the last of a table may be so."""
    walk = subject.walk(subject.tables)
    fired = walk.run(subject.each).fired
    for table in subject.tables:
        for at in range(len(table.content.rules) - 1):
            if (table.id, at) not in fired:
                yield _unreached(subject, table, at)
    yield from _unsafe(subject, fired)


def _unreached(subject: Subject, table: Node, at: int) -> PolicyFinding:
    """A lead that fits the row as far as facts go, and which rule decides of it instead."""
    mine = list(subject.reading.of_row(table.id, at).values())
    where = row_name(table, at)
    facts = fitting(subject, mine)
    if facts is None:
        return finding("row-reachable", where, "its conditions never hold together")
    lead = subject.decided(facts)
    by = next((r for r in rules_of(table) if r in lead.decision.rules), "another rule")
    what = f"no lead reaches it: {by!r} decides, as of a lead with {in_words(lead)}"
    return finding("row-reachable", where, what, lead)


def _unsafe(
    subject: Subject, fired: Mapping[tuple[str, int], Trace | None]
) -> Iterator[PolicyFinding]:
    """Tables that are declared complete, and whose last row is needed."""
    for table in subject.tables:
        last = len(table.content.rules) - 1
        if table.id not in subject.declared.complete or (table.id, last) not in fired:
            continue
        lead = subject.lead(fired[table.id, last])
        if subject.rule(table, last) in lead.decision.rules:
            what = f"only the last row catches a lead with {in_words(lead)}: the table is complete"
            yield finding(
                "gap", row_name(table, last), f"{what} without it by its declaration", lead
            )
