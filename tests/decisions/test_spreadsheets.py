"""What is written to a spreadsheet comes back as it was; what cannot be read names its cell."""

import io
import json
import random
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from decisions.policy.expression_checks import complaint
from decisions.policy.policy import load_policy
from decisions.spreadsheets import csv_files, workbook
from decisions.spreadsheets.sheet import Sheet
from decisions.spreadsheets.tables import changed, sheets_of
from domain.errors import BadInput
from jobs.decisions.edit_policy import changes, encoded, read_edit, write_sheets
from tests.decisions.generated_policies import Document, clean

ODD = ["=1+1", "'=x'", "+49", "-5", "-x", "@a", "007", "1.50", "1e5", "_x0041_", "true", "#N/A"]
ODD += [
    '"',
    "'",
    "''",
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "\r\n",
    " a ",
    "\u00a0",
    "𝒳",
    "é",
    "\x07",
    "\u2028",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(ODD)
FEW = limits(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Writing a workbook takes tens of milliseconds."""


def trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Rows without empty cells at their ends, and without empty rows at the end."""
    cut = [row[: max((at + 1 for at, text in enumerate(row) if text), default=0)] for row in rows]
    while cut and not cut[-1]:
        cut.pop()
    return cut


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), min_size=1, max_size=5))
@example([["a", "b"], *([odd, "x"] for odd in ODD)])
@FEW
def test_any_texts_come_back(rows: list[list[str]]) -> None:
    sheet = Sheet("t", [["Setting", "Value"], *rows])
    (read,) = workbook.read(workbook.written([sheet]))
    assert trimmed([list(r) for r in read.rows]) == trimmed([list(r) for r in sheet.rows])
    back = csv_files.read(csv_files.written(sheet), "t").rows
    # a line with one empty cell is quoted by the writer, so that it is no empty line
    assert [list(row) for row in back] == [list(row) for row in sheet.rows]


def literal(text: str) -> str:
    """A text as a condition of a table, where the language has a quote for it; else without."""
    quoted = f"'{text}'" if "'" not in text else f'"{text}"'
    return quoted if complaint(quoted, unary=True) is None else "'x'"


@st.composite
def policies(draw: st.DrawFn) -> Document:
    """A policy of random tables, with odd texts in notes, conditions and results; some blanks."""
    document = clean(draw(st.integers(0, 10_000)))
    chance = random.Random(draw(st.integers(0, 1 << 30)))
    texts = draw(st.lists(TEXTS, min_size=3, max_size=8))
    document["description"] = chance.choice(texts)
    for node in document["decision"]["nodes"]:
        for row in node.get("content", {}).get("rules", []):
            row["_description"] = chance.choice(["", *texts])
            for key in [key for key in row if key.startswith("i")]:
                if chance.random() < 0.2:
                    row[key] = literal(chance.choice(texts))
                if chance.random() < 0.1:
                    del row[key]
            if chance.random() < 0.3:
                row["o0"] = json.dumps(chance.choice(texts), ensure_ascii=chance.random() < 0.5)
            row["colour"] = "kept though no sheet shows it"
    return document


@given(policies())
@FEW
def test_a_policy_comes_back_as_it_was(document: Document) -> None:
    sheets = sheets_of(document)
    assert changed(document, workbook.read(workbook.written(sheets))) == document
    parts = [csv_files.read(csv_files.written(sheet), sheet.name) for sheet in sheets]
    assert changed(document, parts) == document


@given(policies(), st.randoms())
@limits(max_examples=25, deadline=None)
def test_rows_and_columns_may_be_moved(document: Document, chance: Any) -> None:
    moved = []
    for sheet in sheets_of(document):
        order = list(range(len(sheet.rows[0])))
        rows = [list(row) for row in sheet.rows]
        if sheet.name != "policy-settings":
            chance.shuffle(order)
            body = rows[2:]
            chance.shuffle(body)
            rows[2:] = body
        moved.append(Sheet(sheet.name, [[row[at] for at in order] for row in rows]))
    after = changed(document, moved)
    assert [s.rows for s in sheets_of(changed(after, sheets_of(document)))] == [
        s.rows for s in sheets_of(document)
    ]
    for node, was in zip(after["decision"]["nodes"], document["decision"]["nodes"], strict=True):
        rules = [
            json.dumps(row, sort_keys=True) for row in node.get("content", {}).get("rules", [])
        ]
        before = [
            json.dumps(row, sort_keys=True) for row in was.get("content", {}).get("rules", [])
        ]
        assert sorted(rules) == sorted(before)


def edited(sheet: Sheet, row: int, column: int, text: str) -> Sheet:
    rows = [list(one) for one in sheet.rows]
    rows[row][column] = text
    return Sheet(sheet.name, rows)


BAD = [
    (4, 2, "'A", "sheet 'routing', row 5, column C", "does not compile"),
    (3, 8, "", "sheet 'routing', row 4, column I", "empty"),
    (3, 7, "sales", "sheet 'routing', row 4, column H", "no literal"),
    (1, 2, "if grad", "sheet 'routing', row 2, column C", "'if grad' is none"),
    (1, 2, "if region", "sheet 'routing', row 2", "stands twice"),
]


@pytest.mark.parametrize(("row", "column", "text", "where", "what"), BAD)
@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_a_bad_cell_is_named(
    policies: Path, form: str, row: int, column: int, text: str, where: str, what: str
) -> None:
    document = json.loads((policies / "standard.json").read_text())
    sheet = edited(sheets_of(document)[2], row, column, text)
    if form == "xlsx":
        (read,) = workbook.read(workbook.written([sheet]))
    else:
        read = csv_files.read(csv_files.written(sheet), sheet.name)
    with pytest.raises(BadInput) as bad:
        changed(document, [read])
    assert bad.value.where.startswith(where)
    assert what in bad.value.what


@pytest.mark.parametrize(
    ("value", "what"), [("=A1", "formula"), ("2026-03-01", "date"), ("#REF!", "error")]
)
def test_a_cell_of_another_kind_is_named(value: str, what: str) -> None:
    import datetime

    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "routing"
    page.append(["a"])
    page.append([datetime.date(2026, 3, 1) if what == "date" else value])
    stream = io.BytesIO()
    book.save(stream)
    with pytest.raises(BadInput, match=what) as bad:
        workbook.read(stream.getvalue())
    assert bad.value.where == "sheet 'routing', row 2, column A"


def test_numbers_that_a_program_made_of_texts_are_read() -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append([1000, 0.25, True, -3.0, None, "x"])
    stream = io.BytesIO()
    book.save(stream)
    (sheet,) = workbook.read(stream.getvalue())
    assert sheet.rows == [["1000", "0.25", "true", "-3", "", "x"]]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"a,b\n", b"\xff\xfe"])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput) as bad:
        workbook.read(content)
    assert bad.value.rule == "policy-workbook"


def test_a_program_of_another_country_writes_semicolons() -> None:
    content = "\ufeffNote;Grade\r\nnote;if grade\r\n\"a;b, c\";'A'\r\n".encode()
    assert csv_files.read(content, "t").rows[2] == ["a;b, c", "'A'"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_threshold_is_changed_and_nothing_else(policies: Path, tmp_path: Path, form: str) -> None:
    from decisions.policy.graph_file import PolicyTerms

    path, to = policies / "standard.json", tmp_path / f"s.{form}"
    write_sheets(path, to)
    if form == "csv":
        part = tmp_path / "s.policy-settings.csv"
        part.write_text(part.read_text().replace("grade A,0.2", "grade A,0.25"))
    else:
        book = openpyxl.load_workbook(to)
        book["policy-settings"]["B6"] = 0.25
        book.save(to)
    after = read_edit(path, to, PolicyTerms())
    was = json.loads(path.read_text())
    assert after == was | {"grades": {**was["grades"], "A": 0.25}}
    (change,) = changes(path, after)
    assert (change.table, change.changed) == ("policy-settings", ("grade A",))
    (tmp_path / "new.json").write_bytes(encoded(after))
    assert load_policy(tmp_path / "new.json").grade(0.24) == "B"


def test_one_table_alone_and_a_row_more(policies: Path, tmp_path: Path) -> None:
    from decisions.policy.graph_file import PolicyTerms

    path, to = policies / "standard.json", tmp_path / "routing.csv"
    assert write_sheets(path, to, "routing") == [to]
    lines = to.read_text().splitlines()
    new = lines[4].replace("emea", "nordics").replace("Grade A", "Nordic")
    to.write_text("\n".join([*lines[:4], new, *lines[4:]]))
    after = read_edit(path, to, PolicyTerms(), "routing")
    (change,) = changes(path, after)
    assert (change.table, change.added) == ("routing", ("routing.a_enterprise_nordics",))
    assert not change.removed
    assert not change.changed
    assert not change.moved


def test_a_graph_of_the_editor_takes_the_terms_of_its_policy(
    policies: Path, tmp_path: Path
) -> None:
    from decisions.policy.graph_file import PolicyTerms

    path = policies / "standard.json"
    whole = json.loads(path.read_text())
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({**whole["decision"], "settings": {}}))
    after = read_edit(path, graph, PolicyTerms(version="2"))
    assert {k: v for k, v in after.items() if k != "decision"} == {
        k: v for k, v in (whole | {"version": "2"}).items() if k != "decision"
    }
