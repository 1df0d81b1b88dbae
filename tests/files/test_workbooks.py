"""Workbooks as people save them, and those that a small file makes too large."""

import datetime as dt
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest

from domain.errors import BadInput
from signals.files import xlsx_limits
from tests.files.conftest import COLUMNS, refusal, rows_of

AT = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001


def written(folder: Path, *rows: list[object], sheets: tuple[str, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Leads"
    for row in rows:
        sheet.append(row)
    for name in sheets:
        book.create_sheet(name).append([*COLUMNS])
    path = folder / "t.xlsx"
    book.save(path)
    return path


def changed(path: Path, part: str, old: str, new: str) -> Path:
    """The workbook with a part of it written anew."""
    with zipfile.ZipFile(path) as held:
        parts = {name: held.read(name) for name in held.namelist()}
    content = parts[part].decode()
    assert re.search(old, content)
    parts[part] = re.sub(old, new, content, count=1).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, body in parts.items():
            out.writestr(name, body)
    return path


def test_typed_cells_are_read_as_from_a_csv(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [*COLUMNS],
        [12345678901, AT, 1.5, True],
        ["007", AT.date(), -3, "é"],
        [],
        [1, "2026-01-02T00:00Z", 1e20, dt.time(3, 4)],
    )
    assert rows_of(path) == [
        (2, "", "12345678901", {"n": "1.5", "note": "true"}),
        (3, "", "007", {"n": "-3", "note": "é"}),
        (5, "", "1", {"n": "1" + "0" * 20, "note": "03:04:00"}),
    ]
    assert rows_of(path, decimal=",")[0][3]["n"] == "1,5"


def test_titles_columns_and_wider_rows(tmp_path: Path) -> None:
    path = written(tmp_path, ["Leads of May"], [], [*COLUMNS], ["a", AT, 1, "x", "", "y"])
    assert rows_of(path, skip_lines=2)[0][:2] == (4, "row-width")
    assert refusal(path).rule == "absent-column"
    found = rows_of(path, skip_lines=3, columns=[*COLUMNS, "", "more"])
    assert found[0][:3] == (4, "", "a")


def test_which_sheet_is_said_where_there_are_several(tmp_path: Path) -> None:
    path = written(tmp_path, [*COLUMNS], ["a", AT, 1, "x"], sheets=("Old",))
    bad = refusal(path)
    assert (bad.rule, "'Leads', 'Old'" in str(bad)) == ("sheet", True)
    assert [row[2] for row in rows_of(path, sheet="Leads")] == ["a"]
    assert rows_of(path, sheet="Old") == []
    assert refusal(path, sheet="New").rule == "sheet"


def test_what_a_small_file_makes_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = "xl/worksheets/sheet1.xml"
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    wide = changed(written(tmp_path, [*COLUMNS]), part, "</sheetData>", far)
    assert refusal(wide).rule == "workbook-size"
    zeros = "<!--" + " " * (80 << 20) + "--></sheetData>"
    bomb = changed(written(tmp_path, [*COLUMNS]), part, "</sheetData>", zeros)
    assert refusal(bomb).rule == "workbook-size"
    monkeypatch.setattr(xlsx_limits, "MOST_CHARACTERS", 5_000)
    shared = tmp_path / "s.xlsx"
    with zipfile.ZipFile(shared, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("xl/worksheets/sheet1.xml", '<c r="A1" t="s"><v>0</v></c>' * 9)
        out.writestr("xl/sharedStrings.xml", f"<sst><si><t>{'x' * 1000}</t></si></sst>")
    assert refusal(shared).rule == "workbook-size"


@pytest.mark.slow
def test_damage_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, [*COLUMNS], ["a", AT, 1, "x"])
    raw = path.read_bytes()
    for at in range(4, len(raw), 37):
        for one in (raw[:at], raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :]):
            path.write_bytes(one)
            try:
                rows_of(path)
            except BadInput as bad:
                assert "\n" not in str(bad)  # noqa: PT017
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("a.txt", "x")
    assert refusal(path).rule == "file-kind"
