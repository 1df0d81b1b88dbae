"""A policy's tables and terms as sheets, and back.

A table's sheet has two lines of head: what people call its columns, and their keys, by which they
are known when the sheet is read again: `if grade`, `then queue`, `note`. Then a line a row. Columns
may be moved; a row may be added, moved, changed, ids away. The sheet `policy-settings` has name,
version, description and the least probability of each grade.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from decisions.policy.expression_checks import complaint
from decisions.policy.jdm import TABLE, cell
from decisions.spreadsheets.sheet import Sheet, bad_cell, bounded, place
from domain.errors import BadInput

SETTINGS = "policy-settings"
HEAD = 2
"""Lines of a table's head."""
NOTE, NOTE_KEY = "_description", "note"
LONGEST_NAME = 31
"""Characters that a workbook lets a sheet's name have."""
Document = dict[str, Any]
Row = dict[str, Any]


class SheetColumn(NamedTuple):
    """A column of a sheet: its key, what people call it, its id in the table, its side."""

    key: str
    title: str
    id: str
    side: str
    field: str


def sheets_of(document: Mapping[str, Any]) -> list[Sheet]:
    """The sheets of a policy's document: its settings, then its tables in order."""
    tables = _tables(document)
    return [_settings(document), *(_sheet(name, node) for name, node in tables.items())]


def changed(document: Mapping[str, Any], sheets: Sequence[Sheet]) -> Document:
    """The policy's document with what sheets say; what they do not show stays.

    A table without a sheet stays as it is. Raises BadInput naming sheet, row and column.
    """
    policy: Document = msgspec.json.decode(msgspec.json.encode(document))
    tables = _tables(policy)
    for sheet in sheets:
        if sheet.name == SETTINGS:
            _read_settings(policy, bounded(sheet))
        elif sheet.name in tables:
            _read_table(tables[sheet.name], bounded(sheet))
        else:
            raise BadInput(
                f"no table has the name {sheet.name!r}",
                rule="policy-sheet",
                where=f"sheet {sheet.name!r}",
                todo=f"Sheets are {', '.join([SETTINGS, *tables])}.",
            )
    return policy


def _tables(document: Mapping[str, Any]) -> dict[str, Document]:
    """The table nodes by the names of their sheets: their output paths, else numbers."""
    nodes = [n for n in document["decision"]["nodes"] if n["type"] == TABLE]
    names = [str(node["content"].get("outputPath") or "") for node in nodes]
    usual = [
        name.isidentifier() and len(name) <= LONGEST_NAME and names.count(name) == 1
        for name in names
    ]
    return {
        name if fits else f"table {at}": node
        for at, (name, fits, node) in enumerate(zip(names, usual, nodes, strict=True), 1)
    }


def _columns(node: Mapping[str, Any]) -> list[SheetColumn]:
    content = node["content"]
    columns = [SheetColumn(NOTE_KEY, "Note", NOTE, "", "")]
    count: Counter[str] = Counter()
    for side, word in (("inputs", "if"), ("outputs", "then")):
        for column in content[side]:
            field = column.get("field") or ""
            key = f"{word} {field or '(condition)'}"
            count[key] += 1
            unique = key if count[key] == 1 else f"{key} #{count[key]}"
            title = column.get("name") or field or "Condition"
            columns.append(SheetColumn(unique, title, column["id"], side, field))
    return columns


def _sheet(name: str, node: Mapping[str, Any]) -> Sheet:
    columns = _columns(node)
    rows = [[str(row.get(c.id) or "") for c in columns] for row in node["content"]["rules"]]
    return Sheet(name, [[c.title for c in columns], [c.key for c in columns], *rows])


def _settings(document: Mapping[str, Any]) -> Sheet:
    terms = [[key, str(document.get(key) or "")] for key in ("name", "version", "description")]
    grades = [[f"grade {g}", _number(document["grades"][g])] for g in "ABC"]
    head = [["Setting", "Value"], ["key", "value"]]
    return Sheet(SETTINGS, [*head, *terms, *grades])


def _number(value: float) -> str:
    return msgspec.json.encode(value).decode()


def _read_settings(policy: Document, sheet: Sheet) -> None:
    for at, row in enumerate(sheet.rows[HEAD:], HEAD + 1):
        key, value = (*row, "", "")[:2]
        key = key.strip()
        if not key and not value:
            continue
        if key in ("name", "version", "description"):
            if value != str(policy.get(key) or ""):
                policy[key] = value
        elif key.startswith("grade ") and key[6:] in policy["grades"]:
            policy["grades"][key[6:]] = _threshold(
                value, place(sheet.name, at, 1, key), policy, key
            )
        else:
            raise bad_cell(
                "no setting has that key",
                place(sheet.name, at, 0),
                "Keys are name, version, description, grade A, grade B, grade C.",
            )


def _threshold(value: str, where: str, policy: Document, key: str) -> float:
    if value == _number(policy["grades"][key[6:]]):
        return policy["grades"][key[6:]]  # type: ignore[no-any-return]
    try:
        number = float(value.strip())
    except ValueError:
        raise bad_cell("the cell is no number", where, "Write it as 0.2.") from None
    if not 0 < number < 1:
        raise bad_cell(f"the threshold is {number:g}, must be above 0 and below 1", where)
    return number


def _read_table(node: Document, sheet: Sheet) -> None:
    """Put a sheet's rows and the order of its columns into a table."""
    columns = _head(node, sheet)
    before: dict[str, list[Row]] = {}
    for row in node["content"]["rules"]:
        before.setdefault(_rule(row, columns), []).append(row)
    ids = {str(row.get("_id")) for row in node["content"]["rules"]}
    rules: list[Row] = []
    for at, texts in enumerate(sheet.rows[HEAD:], HEAD + 1):
        if not any(texts):
            continue
        cells = {c.id: text for c, text in zip(columns, _padded(texts, len(columns)), strict=True)}
        _check_row(sheet, at, columns, cells, texts)
        same = before.get(_rule(cells, columns), [])
        rules.append(_row(same.pop(0) if same else None, cells, node["id"], ids))
    node["content"]["rules"] = rules
    for side in ("inputs", "outputs"):
        by_id = {c["id"]: c for c in node["content"][side]}
        node["content"][side] = [by_id[c.id] for c in columns if c.side == side]


def _head(node: Document, sheet: Sheet) -> list[SheetColumn]:
    """The columns of a sheet in its order. Raises BadInput where some are missing, or unknown."""
    known = {column.key: column for column in _columns(node)}
    keys = [text.strip() for text in sheet.rows[HEAD - 1]] if len(sheet.rows) >= HEAD else []
    for at, key in enumerate(keys):
        if key not in known or keys.count(key) > 1:
            what = "stands twice" if key in known else "is none of this table's columns"
            raise bad_cell(
                f"the key {key!r} {what}",
                place(sheet.name, HEAD, at),
                "Add a column to the policy itself, then write the sheet anew.",
            )
    for missing in known.keys() - set(keys):
        raise bad_cell(
            f"the column with the key {missing!r} is missing",
            place(sheet.name, HEAD),
            "Keep the second line of the sheet as it was written.",
        )
    return [known[key] for key in keys]


def _padded(texts: Sequence[str], width: int) -> list[str]:
    return [*texts, *[""] * (width - len(texts))]


def _row(before: Row | None, cells: Row, table: str, ids: set[str]) -> Row:
    """A row with a sheet's cells: what the sheet does not show, and what is the same, stays."""
    if before is not None:
        return before | {k: text for k, text in cells.items() if text != str(before.get(k) or "")}
    at = 1
    while f"{table}-new-{at}" in ids:
        at += 1
    ids.add(f"{table}-new-{at}")
    return {"_id": f"{table}-new-{at}", **cells}


def _rule(row: Mapping[str, Any], columns: Sequence[SheetColumn]) -> str:
    ruled = next((c.id for c in columns if c.side == "outputs" and c.field == "rule"), "")
    return str(row.get(ruled) or "").strip().strip("\"'")


def _check_row(
    sheet: Sheet, at: int, columns: Sequence[SheetColumn], cells: Row, texts: Sequence[str]
) -> None:
    """Raise BadInput for the first cell of a row that no table may hold."""
    if len(texts) > len(columns):
        raise bad_cell(
            "the cell stands beside the table", place(sheet.name, at, len(columns)), "Clear it."
        )
    for where, what, todo in _faults(sheet.name, at, columns, cells):
        raise bad_cell(what, where, todo)


def _faults(
    name: str, at: int, columns: Sequence[SheetColumn], cells: Row
) -> Iterator[tuple[str, str, str]]:
    for number, column in enumerate(columns):
        text = cells[column.id].strip()
        where = place(name, at, number, column.title)
        if column.side == "inputs" and text:
            if wrong := complaint(text, unary=bool(column.field)):
                yield where, f"the condition does not compile: {wrong}", _HOW_TO_TEST
        elif column.side == "outputs" and cell({column.id: text}, column.id) is None:
            what = "the cell is empty" if not text else "the cell holds no literal"
            yield where, what, _HOW_TO_ANSWER


_HOW_TO_TEST = "Write texts in quotes, as 'DE', and numbers as >= 1000 or [100..1000)."
_HOW_TO_ANSWER = 'Write a text in double quotes, as "sales", a number, true or false.'
