"""A policy's file as a document of tables: to be read by people, and changed cell by cell.

What an editor keeps beside the tables (positions, descriptions, other nodes) stays as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from decisions.policy.jdm import TABLE
from decisions.policy.policy import MOST_BYTES
from domain.errors import BadInput

MOST_ROWS = 500
"""Rows of one table that may be edited by hand."""


class TableColumn(NamedTuple):
    """A column: its id, what people call it, the fact or result that it is about."""

    id: str
    name: str
    field: str


class TableRow(NamedTuple):
    """A row: what its author says of it, its rule, its cells by column id."""

    description: str
    rule: str
    cells: Mapping[str, str]


class RuleTable(NamedTuple):
    """A table of rules; the first row that fits decides."""

    id: str
    name: str
    inputs: Sequence[TableColumn]
    outputs: Sequence[TableColumn]
    rows: Sequence[TableRow]


class PolicyDocument:
    """A policy's file. Raises BadInput where it is none."""

    def __init__(self, body: bytes) -> None:
        try:
            document = msgspec.json.decode(body[: MOST_BYTES + 1])
            self._nodes = document["decision"]["nodes"]
            self._tables = {n["id"]: n for n in self._nodes if n["type"] == TABLE}
            self.tables = [_table(node) for node in self._tables.values()]
            self.name, self.version = str(document["name"]), str(document["version"])
            self.description = str(document.get("description") or "")
            self.grades = {name: float(document["grades"][name]) for name in "ABC"}
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as bad:
            raise BadInput("this is no policy's file", rule="policy-file") from bad
        self.document: dict[str, Any] = document

    def rules(self) -> dict[str, str]:
        """What is said of each rule, by its identifier."""
        return {row.rule: row.description for table in self.tables for row in table.rows}

    def changed(
        self,
        names: Mapping[str, str],
        grades: Mapping[str, float],
        rows: Mapping[str, Sequence[Mapping[str, str]]],
    ) -> bytes:
        """The file with other names, grades and rows of tables by the tables' ids.

        A row is its cells by column id, and `_description`. `names` may hold name, version and
        description. Raises BadInput where a table has too many rows.
        """
        document = msgspec.json.decode(msgspec.json.encode(self.document))
        document.update(names)
        document["grades"] = dict(grades)
        for node in document["decision"]["nodes"]:
            if node["id"] in rows and node["type"] == TABLE:
                node["content"]["rules"] = _rules(node["id"], rows[node["id"]])
        return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _rules(table: str, rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    if len(rows) > MOST_ROWS:
        raise BadInput(
            f"table {table!r} has {len(rows)} rows, at most {MOST_ROWS} are edited here",
            rule="policy-file",
        )
    return [{"_id": f"{table}-{at}", **row} for at, row in enumerate(rows, 1)]


def _table(node: Mapping[str, Any]) -> RuleTable:
    content = node["content"]
    inputs, outputs = (
        [TableColumn(c["id"], c.get("name") or "", c.get("field") or "") for c in content[side]]
        for side in ("inputs", "outputs")
    )
    ruled = next((c.id for c in outputs if c.field == "rule"), "")
    rows = [
        TableRow(
            str(row.get("_description") or ""),
            (row.get(ruled) or "").strip().strip("\"'"),
            {column.id: str(row.get(column.id) or "") for column in (*inputs, *outputs)},
        )
        for row in content["rules"]
    ]
    return RuleTable(node["id"], node.get("name") or node["id"], inputs, outputs, rows)
