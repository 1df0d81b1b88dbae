"""What a user can get wrong, and what he is told: the file, the place, the way out."""

import gzip
from pathlib import Path

import pytest

from domain.errors import BadInput, BadMapping
from signals.mapping.mapping import load_mapping

GOOD = """
name: shop
source: shop
time_zone: UTC
tables:
  - files: ["*.csv*", "*.parquet"]
    identifiers: {crm_id: customer}
    time: at
    events:
      - type: shop.seen
        data: {colour: colour, size: {column: size, kind: number}}
"""
HEADER = b"customer,at,colour,size\n"


def refusal(folder: Path, text: str) -> BadMapping:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadMapping) as caught:
        load_mapping(path)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "rule", "says"),
    [
        ("source: shop", "sauce: shop", "mapping-file", "unknown field `sauce`"),
        ("source: shop", "source: 1", "mapping-file", "$.source"),
        (
            "source: shop",
            "source: shop\nsource: b",
            "yaml",
            "line 4: the key 'source' is given twice",
        ),
        ("source: shop", "source: [shop", "yaml", "line"),
        ("UTC", "Europe/Lisbonn", "time-zone", "Did you mean Europe/Lisbon"),
        ("    time: at\n", "", "time", "tables[0].events[0]: no time"),
        ("time: at", "time: {column: at, format: dmy}", "time", "strptime"),
        ("time: at", "time: {column: at, plus: 1w}", "duration", "1h"),
        ("time: at", "time: {column: at, at: 2020-01-01T00:00:00Z}", "time", "exactly one"),
        ("time: at", "time: {at: 2020-01-01 10:00:00}", "mapping-file", "timezone"),
        (
            "time: at",
            "time: {column: at, since: 2020-01-01T00:00:00Z, format: date}",
            "time",
            "since",
        ),
        ("crm_id", "name", "identifier-kind", "crm_id, user_id, email"),
        ("crm_id", "account_id", "identifier-kind", "no identifier of a lead"),
        ("    time: at", "    encoding: utf8000\n    time: at", "encoding", "cp1252"),
        ("    time: at", "    delimiter: ab\n    time: at", "mapping-file", "delimiter"),
        ("type: shop.seen", "type: seen", "mapping-file", "$.tables[0].events[0].type"),
        ("type: shop.seen", "type: {types: [shop.a]}", "event-type", "exactly one"),
        ("type: shop.seen", "type: {pattern: shop, types: [shop.a]}", "event-type", "braces"),
        ("type: shop.seen", "type: {pattern: 'Shop.{a}', types: [shop.a]}", "event-type", "crm."),
        (
            "type: shop.seen",
            "type: shop.seen\n      - type: shop.seen",
            "event-names-differ",
            "name",
        ),
        ("type: shop.seen", "type: 9shop.seen", "channel", "letter"),
        ("type: shop.seen", "type: shop.9", "features", "$.families[0].name"),
        ("type: shop.seen", "type: shop.seen\n        value: colour", "value", "numeric"),
        ("type: shop.seen", "type: crm.lead_created", "standard-field", "country, industry"),
        ("type: shop.seen", "type: shop.seen\n        when: [{column: a}]", "condition", "equals"),
        ("kind: number", "kind: money", "mapping-file", "money"),
        ("kind: number", "constant: 1", "field", "exactly one"),
        ("kind: number", "enum: [a], kind: number", "field", "Only text"),
        ("{column: size, kind: number}", "{product: [a, b], kind: text}", "field", "number"),
        ("name: shop", "name: Shop", "mapping-file", "$.name"),
        ("name: shop", "name: shop\nhalf_lives_days: [7, 1]", "half-lives", "7.0, 1.0"),
        ("name: shop", "name: shop\ntexts: {shop.sold: sold}", "texts", "shop.sold"),
        (
            "name: shop",
            "name: shop\noutcomes: {won: {types: [shop.won]}}",
            "outcome-types",
            "shop.seen",
        ),
    ],
)
def test_a_bad_mapping_says_where_and_what_to_do(
    tmp_path: Path, old: str, new: str, rule: str, says: str
) -> None:
    assert old in GOOD
    bad = refusal(tmp_path, GOOD.replace(old, new))
    assert bad.rule.startswith(rule)
    assert bad.where.startswith("mapping.yaml")
    assert says in str(bad)


def test_a_mapping_that_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="No such file"):
        load_mapping(tmp_path / "none.yaml")
    assert refusal(tmp_path, "").rule == "mapping-file"


def test_one_field_of_two_kinds(tmp_path: Path) -> None:
    other = GOOD + "      - {type: shop.left, data: {colour: {column: c, kind: number}}}\n"
    assert refusal(tmp_path, other).rule == "field-kind"


def unreadable(folder: Path, name: str, raw: bytes | None) -> BadInput:
    (folder / "mapping.yaml").write_text(GOOD, encoding="utf-8")
    path = folder / name
    if raw is not None:
        path.write_bytes(raw)
    mapping = load_mapping(folder / "mapping.yaml")
    with pytest.raises(BadInput) as caught:
        list(mapping.documents(path))
    return caught.value


@pytest.mark.parametrize(
    ("name", "raw", "rule", "says"),
    [
        ("a.csv", None, "unreadable-file", "No such file"),
        ("a.csv", b"", "empty-file", "empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "empty-file", "empty"),
        ("a.csv", b"Customer,at,color,size\n", "absent-column", "The name of column 1 is close"),
        ("a.csv", b"customer;at;colour;size\n", "absent-column", "delimiter"),
        ("a.csv", b"customer,at,at,colour,size\n", "absent-column", "twice"),
        ("a.csv.gz", HEADER, "not-gzip", "not gzip"),
        ("a.csv.gz", gzip.compress(HEADER * 99, mtime=0)[:-9], "gzip-damaged", "cut off"),
        (
            "a.csv.gz",
            gzip.compress(HEADER * 99, mtime=0)[:20] + b"!" * 40,
            "gzip-damaged",
            "damaged",
        ),
        ("a.csv", b"\x7fELF\x00\x01", "binary-file", "binary"),
        ("a.csv", b"PK\x03\x04\x00", "workbook-damaged", "Save it again"),
        ("a.csv", HEADER.decode().encode("utf-16"), "encoding", "utf-16"),
        ("a.csv", HEADER + b"1,2020-01-01,gr\xfcn,1\n", "encoding", "a.csv, line 2"),
        (
            "a.csv.gz",
            gzip.compress(HEADER * 3 + b"\xff\n", mtime=0),
            "encoding",
            "a.csv.gz, line 4",
        ),
        ("a.csv", HEADER + b'1,x,"red,1\n2\n', "csv-quote", "a.csv, line 2"),
        ("a.csv", b'"customer"x,at\n', "csv-header", "Mend"),
        ("a.parquet", HEADER, "not-parquet", "Parquet"),
        ("a.csv", b"PAR1PAR1", "not-parquet", "damaged"),
        ("a.xlsx", HEADER, "no-table", "*.csv*, *.parquet"),
    ],
)
def test_a_bad_file_says_which_and_what_to_do(
    tmp_path: Path, name: str, raw: bytes | None, rule: str, says: str
) -> None:
    bad = unreadable(tmp_path, name, raw)
    assert (bad.rule, bad.where.split(",")[0]) == (rule, name)
    assert says in str(bad)


def test_an_absent_column_names_those_that_are_wanted(tmp_path: Path) -> None:
    bad = unreadable(tmp_path, "a.csv", b"customer,at,colour,sizes\n")
    assert str(bad) == (
        "a.csv: there is no column 'size' [absent-column] The name of column 4 is close to it. "
        "Wanted are 'customer', 'colour', 'size', 'at'."
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    assert unreadable(tmp_path, "a.csv", None).rule == "unreadable-file"


def test_a_quote_that_swallows_the_rest_of_a_big_file(tmp_path: Path) -> None:
    raw = HEADER + b"1,2020-01-01,red,1\n" * 3000 + b'1,x,"red,1\n' + b"1,x,red,1\n" * 30_000
    bad = unreadable(tmp_path, "a.csv", raw)
    assert (bad.rule, bad.where) == ("csv-quote", "a.csv, line 3002")
