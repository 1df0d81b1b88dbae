"""Rules that an earlier policy had and this one has not: where their leads fall now."""

from collections.abc import Collection, Iterator

from decisions.expressions.spelling import near
from decisions.policy.jdm import TABLE, Graph, Node, cell, column, row_name
from decisions.policy.lint import PolicyFinding
from decisions.policy.table_axes import Box, Domains, domains, meet, space_of, without

_NAMES = ("action", "queue", "next_best_action")
SHOWN = 3
SHORT = 3
"""Of a name that is no longer there, so many letters are enough to tell a slip by."""


def lost_rules(
    now: Graph, before: Graph, label: str, retired: Collection[str] = ()
) -> list[PolicyFinding]:
    """A finding for each rule that is gone and not declared as `retired`.

    And for each name in an answer that is new, and nearly one that was there before: `label` is
    what the earlier policy is called.
    """
    return [*_lost(now, before, label, retired), *_slips(now, before, label)]


def _lost(
    now: Graph, before: Graph, label: str, retired: Collection[str]
) -> Iterator[PolicyFinding]:
    known = domains(now)
    kept = {rule for table in now.of_kind(TABLE) for rule in rules_of(table)}
    tables = {table.content.output_path: table for table in now.of_kind(TABLE)}
    for table in before.of_kind(TABLE):
        here = tables.get(table.content.output_path)
        for at, rule in enumerate(rules_of(table)):
            if rule in kept or rule in retired or (here is not None and _renamed(table, at, here)):
                continue
            where = f"node {(here or table).id!r}"
            sentence = f"rule {rule!r} of {label} is gone"
            fall = "" if here is None else _fall(table, at, here, known)
            todo = "put it back, or name it in the policy's `retired`"
            yield PolicyFinding(
                rule="policy-rule-gone", where=where, what=f"{sentence}{fall}: {todo}"
            )


def rules_of(table: Node) -> list[object]:
    """The rule identifiers of a table's rows."""
    return [cell(row, column(table, "rule")) for row in table.content.rules]


def _fields(table: Node, row: dict[str, str]) -> dict[str, str]:
    """A row's tests and results by what they are about, its identifier left out."""
    tests = {f"in {c.field}": row.get(c.id, "").strip() for c in table.content.inputs}
    tests |= {f"out {c.field}": row.get(c.id, "").strip() for c in table.content.outputs}
    tests.pop("out rule", None)
    return {name: text for name, text in tests.items() if text}


def _renamed(table: Node, at: int, here: Node) -> bool:
    """Whether a row stands here under an identifier that the earlier table has not."""
    wanted, old = _fields(table, table.content.rules[at]), set(rules_of(table))
    return any(
        _fields(here, row) == wanted and rule not in old
        for row, rule in zip(here.content.rules, rules_of(here), strict=True)
    )


def _fall(table: Node, at: int, here: Node, known: Domains) -> str:
    """Which rows catch now what a lost row caught, in words; "" where that cannot be told."""
    fields = [c.field for c in here.content.inputs]
    if [c.field for c in table.content.inputs] != fields or None in fields:
        return ""
    former, now = space_of(table, known, beside=here), space_of(here, known, beside=table)
    if former.axes != now.axes:
        return ""
    earlier = set(rules_of(table)[:at])
    left: list[Box] = [former.most[at]]
    caught: list[str] = []
    example = ""
    for place, rule in enumerate(rules_of(here)):
        box = now.most[place]
        met = next((both for part in left if (both := meet(part, box)) is not None), None)
        if met is not None and rule not in earlier:
            caught.append(row_name(here, place))
            example = example or now.example(met)
        sure = now.least[place]
        left = left if sure is None else without(left, sure)
        if not left or len(caught) == SHOWN:
            break
    return f", its leads fall to {' or '.join(caught)} (as {example})" if caught else ""


def _slips(now: Graph, before: Graph, label: str) -> Iterator[PolicyFinding]:
    for table in now.of_kind(TABLE):
        for name in _NAMES:
            known, values = _values(before, name), column(table, name)
            vanished = known - _values(now, name)
            for at, row in enumerate(table.content.rules if values else ()):
                value = cell(row, values)
                if not isinstance(value, str) or value in known:
                    continue
                if nearest := near(value, vanished, SHORT):
                    sentence = f"{name} {value!r} is nearly {nearest!r} of {label}: a slip?"
                    yield PolicyFinding(
                        rule="policy-spelling", where=row_name(table, at), what=sentence
                    )


def _values(graph: Graph, name: str) -> set[str]:
    values = [
        cell(row, column(table, name))
        for table in graph.of_kind(TABLE)
        for row in table.content.rules
    ]
    return {value for value in values if isinstance(value, str)}
