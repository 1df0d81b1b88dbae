"""A policy's tables as the fields of a form, and back.

A cell's field is `TABLE.ROW.COLUMN`; rows are numbered as they stand on the page. The buttons of a
row send `move` as `TABLE.ROW.WHAT`. An editor that edits the whole graph may send `decision`, the
JSON of the graph, instead of cells.
"""

from collections.abc import Mapping

import msgspec

from console.frame.parameters import Parameters
from decisions.policy.document import MOST_ROWS, PolicyDocument, RuleTable
from domain.errors import BadInput

LONGEST_CELL = 2_000
SAID = "_description"
MOVES = ("up", "down", "add", "drop")
Rows = dict[str, list[dict[str, str]]]


def form_rows(document: PolicyDocument) -> Rows:
    """The rows of each table, as the form shows them."""
    return {
        table.id: [{SAID: row.description, **row.cells} for row in table.rows]
        for table in document.tables
    }


def form_document(document: PolicyDocument, form: Parameters) -> tuple[bytes, Rows]:
    """The policy's file as a form says it is, and its rows. Raises BadInput."""
    if "decision" in form:
        document = _graph(document, form)
        rows = form_rows(document)
    else:
        rows = {table.id: _rows(table, form) for table in document.tables}
        _move(rows, form.text("move"))
    grades = {name: form.number(f"grade-{name}", 0, 1) for name in "ABC"}
    names = {
        "name": form.needed("name"),
        "version": form.needed("version"),
        "description": form.text("description"),
    }
    return document.changed(names, grades, {} if "decision" in form else rows), rows


def _graph(document: PolicyDocument, form: Parameters) -> PolicyDocument:
    try:
        decision = msgspec.json.decode(form.text("decision", longest=1 << 20))
    except msgspec.DecodeError as bad:
        raise BadInput("`decision` is no JSON", rule="policy-graph", where="decision") from bad
    changed = {**document.document, "decision": decision}
    return PolicyDocument(msgspec.json.encode(changed))


def _rows(table: RuleTable, form: Parameters) -> list[dict[str, str]]:
    columns = [SAID, *(column.id for column in (*table.inputs, *table.outputs))]
    count = int(form.number(f"rows.{table.id}", 0, MOST_ROWS, len(table.rows)))
    return [
        {column: form.text(f"{table.id}.{at}.{column}", longest=LONGEST_CELL) for column in columns}
        for at in range(count)
    ]


def _move(rows: Mapping[str, list[dict[str, str]]], move: str) -> None:
    """Move, add or take away a row of a table."""
    table, _, rest = move.rpartition(".")
    table, _, place = table.rpartition(".")
    if not move:
        return
    if table not in rows or rest not in MOVES or not place.isdecimal():
        raise BadInput("`move` names no row", rule="console-form", where="move")
    _apply(rows[table], int(place), rest)


def _apply(own: list[dict[str, str]], at: int, what: str) -> None:
    if not 0 <= at < len(own):
        raise BadInput("`move` names no row", rule="console-form", where="move")
    if what == "drop":
        own.pop(at)
    elif what == "add":
        own.insert(at, dict.fromkeys(own[at], ""))
    else:
        other = at + (1 if what == "down" else -1)
        if 0 <= other < len(own):
            own[at], own[other] = own[other], own[at]
