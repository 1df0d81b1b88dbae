"""From rows to signals, on made-up files: nothing lost, nothing doubled, the same ids each time."""

import csv
import gzip
import io
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from domain.errors import BadMapping
from domain.signals import decode
from signals.mapping.compiler import MappedRow
from signals.mapping.mapping import Mapping
from signals.mapping.spec import MappingFile

BASE = """
name: shop
source: shop
time_zone: UTC
tables:
  - identifiers: {email: mail, crm_id: [id, old id]}
    time: at
    missing: ["-"]
    missing_in: {colour: [none]}
    ignore: [{column: kind, equals: test}]
    refuse: [{rule: staff, when: [{column: mail, starts_with: staff@}]}]
    events:
      - type: shop.seen
        when: [{column: kind, in: [seen, bought]}]
        data: {colour: colour, count: {column: n, kind: integer}}
      - type: shop.bought
        when: [{column: kind, equals: bought}]
        data: {total: {product: [n, price], kind: number, required: true}}
"""
HEADER = ["id", "old id", "mail", "at", "kind", "colour", "n", "price"]
GOOD = ["1", "", "a@b.example", "2024-01-01 10:00", "bought", "red", "2", "1.5"]


@cache
def made(text: str) -> Mapping:
    return Mapping(msgspec.convert(yaml.safe_load(text), MappingFile), "mapping.yaml")


def table(folder: Path, *rows: list[str], header: list[str] | None = None) -> Path:
    path = folder / "rows.csv"
    out = io.StringIO()
    csv.writer(out).writerows([header or HEADER, *rows])
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    return path


def changed(**cells: str) -> list[str]:
    return [
        cells.get(name.replace(" ", "_"), cell) for name, cell in zip(HEADER, GOOD, strict=True)
    ]


def read(folder: Path, *rows: list[str], text: str = BASE) -> list[MappedRow]:
    return list(made(text).documents(table(folder, *rows)))


def test_a_row_becomes_several_signals(tmp_path: Path) -> None:
    seen, bought = (decode(m.document) for m in read(tmp_path, GOOD))
    assert (seen.type, seen.data) == ("shop.seen", {"colour": "red", "count": 2})
    assert (bought.type, bought.data) == ("shop.bought", {"total": 3.0})
    assert seen.identifiers == {"email": "a@b.example", "crm_id": "1"}
    assert seen.id != bought.id


def test_two_columns_of_one_kind_are_two_identifiers(tmp_path: Path) -> None:
    signal = decode(read(tmp_path, changed(old_id="9"))[0].document)
    assert signal.identifiers["crm_id"] == ["1", "9"]


def test_missing_words_hold_where_they_are_declared(tmp_path: Path) -> None:
    signal = decode(read(tmp_path, changed(mail=" - ", colour="none", n="4"))[0].document)
    assert signal.identifiers == {"crm_id": "1"}
    assert signal.data == {"count": 4}


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"id": "", "mail": "-"}, "no-identifier"),
        ({"id": "7" * 513, "mail": "-"}, "identifier"),
        ({"at": ""}, "time-missing"),
        ({"at": "soon"}, "time-format"),
        ({"kind": "returned"}, "no-event"),
        ({"price": "1_0"}, "number"),
        ({"price": "inf"}, "number"),
        ({"n": "9", "price": "1e308"}, "number"),
        ({"price": "-"}, "field-missing"),
        ({"mail": "staff@b.example"}, "staff"),
    ],
)
def test_a_bad_row_is_rejected_whole_with_its_rule(
    tmp_path: Path, cells: dict[str, str], rule: str
) -> None:
    row = changed(**cells)
    (bad,) = read(tmp_path, row)
    assert (bad.rule, bad.line) == (rule, 2)
    assert json.loads(bad.document) == dict(zip(HEADER, row, strict=True))
    assert "b.example" not in bad.detail


@pytest.mark.parametrize("n", ["1.5", "1" * 30, "many", "50 %"])
def test_an_optional_cell_that_cannot_be_read_is_left_out_and_counted(
    tmp_path: Path, n: str
) -> None:
    documents = made(BASE).documents(table(tmp_path, changed(n=n, kind="seen"), GOOD))
    first, *_ = (decode(m.document) for m in documents)
    assert first.data == {"colour": "red"}
    ((left, count),) = documents.tally.left_out.items()
    assert (left.where, count) == ("n", 1)
    assert left.rule == ("number-percent" if "%" in n else "number")
    assert (documents.tally.rows, documents.tally.rejected) == (2, 0)


def test_an_identifier_that_cannot_be_read_is_null_beside_one_that_can(tmp_path: Path) -> None:
    signal = decode(read(tmp_path, changed(id="7" * 513))[0].document)
    assert signal.identifiers == {"email": "a@b.example", "crm_id": None}


def test_ignored_rows_are_counted_and_nothing_else(tmp_path: Path) -> None:
    documents = made(BASE).documents(table(tmp_path, changed(kind="test", at="?"), GOOD))
    assert len(list(documents)) == 2
    assert (documents.tally.rows, documents.tally.ignored, documents.tally.rejected) == (2, 1, 0)


def test_lines_are_where_rows_begin(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [GOOD, changed(colour="a\nb\r\nc"), changed(kind="?"), ["too", "short"], GOOD]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([HEADER, *rows])
    path.write_text(out.getvalue() + '"a"b,\n' + "\n", encoding="utf-8", newline="")
    found = [(m.line, m.rule) for m in made(BASE).documents(path)]
    good = [(line, "") for line in (2, 2, 3, 3)]
    bad = [(6, "no-event"), (7, "row-width"), (8, ""), (8, ""), (9, "csv-syntax")]
    assert found == good + bad
    texts = [json.loads(m.document).get("text") for m in made(BASE).documents(path)]
    assert (texts[5], texts[8]) == ("too,short\n", '"a"b,\n')


def test_identical_rows_all_count_and_rereading_gives_equal_ids(tmp_path: Path) -> None:
    rows = [GOOD] * 5000 + [changed(n="3")] + [GOOD]
    first, again = read(tmp_path, *rows), read(tmp_path, *rows)
    ids = [decode(m.document).id for m in first]
    assert len(set(ids)) == 2 * len(rows)
    assert first == again


def test_an_export_that_grew_keeps_the_ids_of_its_old_rows(tmp_path: Path) -> None:
    old = read(tmp_path, GOOD, GOOD)
    new = read(tmp_path, changed(n="8"), GOOD, changed(n="9"), GOOD)
    assert {m.document for m in old} < {m.document for m in new}


def test_id_columns_make_the_id_alone(tmp_path: Path) -> None:
    text = BASE.replace("time: at", "time: at\n    id: [id]")
    rows = [GOOD, changed(colour="blue"), changed(id="2")]
    ids = [decode(m.document).id for m in read(tmp_path, *rows, text=text)]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 4


def test_gzip_and_parquet_say_the_same_as_csv(tmp_path: Path) -> None:
    rows = [GOOD, changed(colour="none", n="4"), changed(kind="?")]
    plain = [m.document for m in read(tmp_path, *rows)]
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "rows.csv").read_bytes()))
    columns = {name: [row[k] or None for row in rows] for k, name in enumerate(HEADER)}
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    assert [m.document for m in made(BASE).documents(packed)] == plain
    found = list(made(BASE).documents(tmp_path / "rows.parquet"))
    assert [m.document for m in found] == plain
    assert [m.line for m in found] == [1, 1, 2, 2, 3]


def test_typed_parquet_columns_are_read(tmp_path: Path) -> None:
    when = pa.array([1704103200000000], pa.timestamp("us", tz="Europe/Rome"))
    columns: dict[str, Any] = dict.fromkeys(HEADER, pa.array(["x"]))
    columns |= {"at": when, "n": pa.array([2]), "price": pa.array([float("nan")])}
    columns |= {"kind": pa.array(["seen"]).dictionary_encode(), "colour": pa.array([b"red"])}
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    (mapped,) = made(BASE).documents(tmp_path / "rows.parquet")
    signal = decode(mapped.document)
    assert signal.time.isoformat() == "2024-01-01T10:00:00+00:00"
    assert signal.data == {"colour": "red", "count": 2}


def test_other_delimiters_encodings_decimals_and_no_header(tmp_path: Path) -> None:
    text = BASE.replace(
        "  - identifiers",
        f'  - delimiter: ";"\n    encoding: cp1252\n    decimal: ","\n'
        f"    columns: [{', '.join(HEADER)}]\n    identifiers",
    )
    path = tmp_path / "rows.csv"
    path.write_bytes(";".join(changed(colour="grün", price="1.000,5")).encode("cp1252"))
    seen, bought = (decode(m.document) for m in made(text).documents(path))
    assert (seen.data["colour"], bought.data["total"]) == ("grün", 2001.0)


def test_types_taken_from_columns(tmp_path: Path) -> None:
    text = """
name: crm
source: crm
tables:
  - identifiers: {crm_id: id}
    time: {at: 2024-01-01T00:00:00Z}
    events:
      - type: {column: kind, types: {Gewonnen: crm.deal_won}, others: skip}
      - type: {pattern: "own.{kind}_{colour}", types: [own.seen_dark_red]}
        when: [{column: kind, equals: Gewonnen, not: true}]
"""
    rows = [changed(kind="Gewonnen"), changed(kind="SEEN", colour="Dark Red"), GOOD]
    found = read(tmp_path, *rows, text=text)
    assert [decode(m.document).type for m in found[:2]] == ["crm.deal_won", "own.seen_dark_red"]
    assert found[2].rule == "unknown-type"


MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
CELLS = st.one_of(
    st.sampled_from(["", "-", "1", "2.5", "-3", "bought", "seen", "test", "2024-02-30", "ß"]),
    st.datetimes().map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
)


@settings(MANY)
@given(st.lists(st.lists(CELLS, min_size=8, max_size=8), max_size=12))
def test_every_row_of_whatever_file_is_accounted_for(tmp_path: Path, rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([HEADER, *rows])
    path = tmp_path / "rows.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    documents = made(BASE).documents(path)
    found = list(documents)
    signals = [decode(m.document) for m in found if not m.rule]
    rejected = Counter(m.line for m in found if m.rule)
    taken = {m.line for m in found if not m.rule}
    tally = documents.tally
    assert tally.rows == len(rows) == tally.ignored + tally.rejected + len(taken)
    assert set(rejected.values()) <= {1}
    assert not taken & rejected.keys()
    assert len({s.id for s in signals}) == len(signals) == tally.signals
    assert found == sorted(found, key=lambda m: m.line)
    assert found == list(made(BASE).documents(path))


@settings(MANY)
@given(
    st.text('",\n\r a1\0é', max_size=60) | st.binary(max_size=200).map(lambda b: b.decode("cp437"))
)
def test_no_text_whatever_is_lost_or_crashes(tmp_path: Path, raw: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",".join(HEADER) * 99 + "\n" + raw, encoding="utf-8", newline="")
    text = BASE.replace("  - identifiers", f"  - columns: [{', '.join(HEADER)}]\n    identifiers")
    rule, found = "", []
    try:
        found = list(made(text).documents(path))
    except BadMapping as bad:
        rule = bad.rule
    assert rule in ("", "csv-quote")  # the latter for a quote that stays open over several lines
    texts = "".join(json.loads(m.document).get("text", "") for m in found[1:])
    if not rule and all(m.rule in ("row-width", "csv-syntax") for m in found):
        assert [c for c in texts if c not in "\r\n"] == [c for c in raw if c not in "\r\n"]
