"""Tables as programs and people export them: what is certain is read, the rest refused by name."""

import bz2
import codecs
import gzip
import io
import lzma
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from signals.files import bounded_reading
from tests.files.conftest import COLUMNS, ROW, refusal, rows_of

HEADER, LINE = ",".join(COLUMNS), ",".join(ROW)
GOOD = {"n": "7", "note": "x"}


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf_8", "UTF8", "U8", "cp65001", "utf-8-sig"])
def test_a_mark_at_the_beginning_is_no_part_of_a_name(tmp_path: Path, encoding: str) -> None:
    for header in (HEADER, '"id",at,n,note'):
        raw = codecs.BOM_UTF8 + f"{header}\n{LINE}\n".encode()
        found = rows_of(written(tmp_path, raw), encoding=encoding)
        assert found == [(2, "", "a1", GOOD)]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("marked", [True, False])
def test_wide_encodings_with_and_without_a_mark(tmp_path: Path, order: str, marked: bool) -> None:
    text = f"{HEADER}\n{LINE.replace('x', 'ж')}\n"
    raw = (("\ufeff" if marked else "") + text).encode(order)
    said = [order] if not marked else [order, order.rpartition("-")[0], order.replace("-", "_")]
    for encoding in said:
        assert rows_of(written(tmp_path, raw), encoding=encoding)[0][3]["note"] == "ж"


@pytest.mark.parametrize(
    ("mark", "encoding"), [("utf-8-sig", "cp1252"), ("utf-16", "utf-8"), ("utf-8-sig", "utf-16")]
)
def test_a_mark_that_contradicts_the_mapping_is_told(
    tmp_path: Path, mark: str, encoding: str
) -> None:
    bad = refusal(written(tmp_path, f"{HEADER}\n{LINE}\n".encode(mark)), encoding=encoding)
    assert bad.rule == "encoding"
    assert f"Set encoding: {mark.removesuffix('-sig')}." in str(bad)


def test_a_first_line_that_says_the_delimiter(tmp_path: Path) -> None:
    body = f"{HEADER}\n{LINE}\n".replace(",", ";")
    for first in ("sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"):
        path = written(tmp_path, first + body)
        assert rows_of(path) == rows_of(path, delimiter=";") == [(3, "", "a1", GOOD)]
        assert rows_of(path, skip_lines=1) == [(3, "", "a1", GOOD)]
        assert refusal(path, delimiter=",").rule == "delimiter"
    tabs = written(tmp_path, "sep=\t\n" + body.replace(";", "\t"))
    assert rows_of(tabs) == rows_of(tabs, delimiter="tab") == [(3, "", "a1", GOOD)]


def test_titles_above_the_header_are_left_out_where_the_mapping_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, f'Leads of "May"\n\n{HEADER}\n{LINE}\n')
    assert rows_of(path, skip_lines=2) == [(4, "", "a1", GOOD)]
    bad = refusal(path)
    assert "They stand in line 3: set skip_lines: 2." in str(bad)
    both = refusal(written(tmp_path, f"T;;\n{HEADER}\n".replace(",", ";")))
    assert "set skip_lines: 1 and delimiter: ';'." in str(both)


def test_no_message_holds_a_cell(tmp_path: Path) -> None:
    cells = [f"marker{i}" for i in range(4)]
    for table in ({}, {"skip_lines": 1}, {"delimiter": ";"}, {"delimiter": "blanks"}):
        for rows in ([cells], [cells, cells], [["id", "at", "n", *cells]], [["id", *cells, "id"]]):
            text = "\n".join(",".join(row) for row in rows)
            bad = refusal(written(tmp_path, text), **table)
            assert "marker" not in str(bad)
            assert "'note'" in str(bad) or "twice" in str(bad)


@pytest.mark.parametrize(
    ("header", "row", "rule"),
    [
        (HEADER, LINE + ",", ""),
        (HEADER, LINE + ",,,", ""),
        (HEADER, LINE + ",y", "row-width"),
        (HEADER, LINE + ",,y", "row-width"),
        (HEADER, LINE.removesuffix(",x"), "row-width"),
        (HEADER + ",", LINE, ""),
        (HEADER + ",,", LINE + ",", ""),
        (HEADER + ",", LINE + ",y", ""),
        (HEADER + ",", LINE + ",y,z", "row-width"),
        (HEADER + ",", LINE.removesuffix(",x"), "row-width"),
        (HEADER, LINE + "\0", "nul-character"),
    ],
)
def test_rows_that_are_longer_or_shorter(tmp_path: Path, header: str, row: str, rule: str) -> None:
    path = written(tmp_path, "\n" * 1500 + f"{header}\n{LINE}\n{row}\n{LINE}\n")
    assert [found[:2] for found in rows_of(path)] == [(1502, ""), (1503, rule), (1504, "")]


def test_runs_of_blanks_part_the_cells(tmp_path: Path) -> None:
    text = '  id \t at   n  note\n\na1 2026-01-02T03:04:05Z   7\t\t"x  ""y"""  \n'
    path = written(tmp_path, text + 'a1 "2026\n' + text.splitlines()[2] + "\n")
    good = {"n": "7", "note": 'x  "y"'}
    assert rows_of(path, delimiter="blanks") == [
        (3, "", "a1", good),
        (4, "csv-syntax", None, None),
        (5, "", "a1", good),
    ]


WORDS = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), min_size=1, max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS.filter(lambda w: w.strip()), min_size=1, max_size=3))
def test_whatever_stands_in_quotes_is_one_cell_between_blanks(
    tmp_path: Path, notes: list[str]
) -> None:
    quoted = ['"' + note.replace('"', '""') + '"' for note in notes]
    lines = [f" \t{' '.join(ROW[:3])}  {note}" for note in quoted]
    path = written(tmp_path, "\n".join([" ".join(COLUMNS), *lines]))
    found = rows_of(path, delimiter="blanks")
    assert [row[3]["note"] for row in found] == [note.strip() for note in notes]


@pytest.mark.parametrize("size", [131_073, 3_000_000])
def test_long_cells_of_many_lines_are_cells(tmp_path: Path, size: int) -> None:
    cell = ("word, " * 10 + "\n") * (size // 61)
    path = written(tmp_path, f'{HEADER},mail\n{LINE},"{cell}"\n{LINE},"{cell}"\n{LINE},\n')
    height = cell.count("\n") + 1
    assert [row[:2] for row in rows_of(path)] == [(2, ""), (2 + height, ""), (2 + 2 * height, "")]


@pytest.mark.slow
def test_what_never_ends_is_refused_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_reading, "UNPACKED_FREELY", 10 << 20)
    endless = b"x" * (24 << 20)
    for name, raw, rule in (
        ("t.csv", HEADER.encode() + b"\n" + endless, "line-length"),
        ("t.csv", endless, "line-length"),
        ("t.csv.gz", gzip.compress(HEADER.encode() + b"\n" + endless, 1), "line-length"),
        ("t.csv.gz", gzip.compress(b"\n" * (48 << 20)), "gzip-bomb"),
        ("t.csv", f'{HEADER}\n{LINE}\n"x'.encode() + b"y,\n" * (8 << 20), "csv-quote"),
    ):
        path = written(tmp_path, raw, name)
        tracemalloc.start()
        assert refusal(path).rule == rule
        most = 512 << 20 if rule == "csv-quote" else 120 << 20  # its lines are held one by one
        assert tracemalloc.get_traced_memory()[1] < most, (rule, len(raw))
        tracemalloc.stop()


PACKED = gzip.compress(f"{HEADER}\n{LINE}\n".encode(), mtime=0) + gzip.compress(
    f"{LINE}\n".encode(), mtime=0
)


@pytest.mark.parametrize("at", range(len(PACKED)))
def test_a_gzip_that_is_damaged_anywhere(tmp_path: Path, at: int) -> None:
    """Each byte flipped, and cut off there: rows of an undamaged file, or one line."""
    flipped = bytes([PACKED[at] ^ 0x55])
    for raw in (PACKED[:at] + flipped + PACKED[at + 1 :], PACKED[:at], PACKED + flipped):
        path = written(tmp_path, raw, "t.csv.gz")
        rule, found = "", ["a1"]
        try:
            found = [row[2] for row in rows_of(path)]
        except BadInput as bad:
            rule = bad.rule
        assert rule in ("", "gzip-damaged", "not-gzip", "empty-file")
        assert found in (["a1"], ["a1", "a1"])


def test_members_of_a_gzip_follow_each_other_and_padding_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, PACKED + b"\0" * 999, "t.csv.gz")
    assert [row[0] for row in rows_of(path)] == [2, 3]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (bz2.compress(b"x"), "bzip2"),
        (lzma.compress(b"x"), "xz"),
        (b"\x28\xb5\x2f\xfd\0", "zstd"),
        (b"PARE\0\0", "encrypted footer"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"%PDF-1.7", "PDF"),
        (gzip.compress(bz2.compress(b"x"), mtime=0), "bzip2"),
    ],
)
def test_other_kinds_are_told_by_name(tmp_path: Path, raw: bytes, said: str) -> None:
    bad = refusal(written(tmp_path, raw))
    assert bad.rule == "file-kind"
    assert said in str(bad)


def test_a_line_of_any_length_below_the_bound_counts_right(tmp_path: Path) -> None:
    out = io.BytesIO()
    for size in (1, 131_071, 131_072, 131_073, 1 << 20):
        out.write(b"y" * size + b"\n")
    held = io.BytesIO(out.getvalue())
    stream = bounded_reading.buffered(held.read)
    read = bounded_reading.short_lined(stream, "x")
    assert list(read) == out.getvalue().splitlines(keepends=True)
