"""JSON documents as rows of a table: nested keys are columns, numbers keep their digits."""

import gzip
import json
from pathlib import Path

import pytest

from signals.files.file_format import FileFormat
from signals.files.json_rows import DEEPEST, MOST_KEYS, is_json, json_cells
from signals.files.row_batches import BrokenRow
from tests.files.conftest import refusal, rows_of

GOOD = {"id": "a1", "at": "2026-01-02T03:04:05Z", "n": 7, "note": "x"}
MEANT = ("", "a1", {"n": "7", "note": "x"})


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        json.dumps([GOOD]),
        json.dumps({"events": [GOOD]}),
        json.dumps({"results": [GOOD]}),
        json.dumps({"results": [GOOD], "total": 1, "paging": {"next": {"after": "1"}}}, indent=1),
        json.dumps({"results": [GOOD], "paging": {}, "names": ["]", "}"], "total": 1}) + "\n",
        json.dumps(GOOD, indent=2),
        "\ufeff" + json.dumps(GOOD),
        " \n" + json.dumps([GOOD], indent=1),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_documents_in_any_form_are_rows(tmp_path: Path, text: str, packed: bool) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert [row[1:] for row in rows_of(path)] == [MEANT]


def cells(tmp_path: Path, document: str) -> object:
    path = tmp_path / "t.jsonl"
    path.write_text(document + "\n")
    ((_, row),) = json_cells(path)
    return row


def test_nested_keys_are_joined_and_numbers_keep_their_digits(tmp_path: Path) -> None:
    document = '{"a": {"b": {"c": 1.50}}, "n": 12345678901234567890, "t": true, '
    document += '"z": null, "l": [1]}'
    assert cells(tmp_path, document) == {
        "a.b.c": "1.50",
        "n": "12345678901234567890",
        "t": "true",
        "z": "",
        "l": "[1]",
    }


def test_parameters_are_columns(tmp_path: Path) -> None:
    parameters = [
        {"key": "page", "value": {"string_value": "/", "int_value": None}},
        {"key": "ms", "value": {"int_value": "42"}},
        {"key": "plain", "value": "yes"},
    ]
    document = json.dumps({"p": parameters, "other": [{"key": "k"}]})
    row = cells(tmp_path, document)
    assert row == {"p.page": "/", "p.ms": "42", "p.plain": "yes", "other": '[{"key": "k"}]'}


@pytest.mark.parametrize(
    "document",
    [
        "[1]",
        '{"a.b": 1, "a": {"b": 2}}',
        '{"a": NaN}',
        '{"a": 1',
        '{"a": ' * (DEEPEST + 2) + "1" + "}" * (DEEPEST + 2),
        json.dumps({f"k{i}": 1 for i in range(MOST_KEYS + 1)}),
    ],
)
def test_what_is_no_row_is_handed_on_with_its_text(tmp_path: Path, document: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + document + "\n")
    rows = [row for _, row in json_cells(path)]
    assert isinstance(rows[1], BrokenRow)
    assert rows[1].rule == "json-row"
    assert [row[1] for row in rows_of(path)] == ["", "json-row"]


def test_keys_that_some_documents_lack_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(GOOD) + '\n{"id": "a2", "at": "2026-01-02T03:04:05Z"}\n')
    assert [row[1:] for row in rows_of(path)] == [MEANT, ("", "a2", {})]


def test_a_file_with_none_of_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"else": 1}\n')
    assert refusal(path).rule == "absent-column"


def test_equal_documents_are_two_rows_and_the_order_of_keys_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    turned = dict(reversed(GOOD.items()))
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(turned) + "\n")
    assert len(rows_of(path)) == 2


def test_text_that_is_to_be_delimited_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('{"a"};b\n')
    assert is_json(path, FileFormat())
    assert not is_json(path, FileFormat(delimiter=";"))
