"""Parquet of every type and coding, whole and damaged: rows, or one line."""

import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from domain.errors import BadInput
from signals.files.parquet_reader import LONGEST_CELL, read_parquet
from signals.mapping.mapping import load_mapping
from tests.files.conftest import ROW, refusal, rows_of

MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC)
BARE = MOMENT.replace(tzinfo=None)
UUID = bytes(range(16))
TOLD: list[tuple[pa.Array, list[str]]] = [
    (pa.array([12345678901.0, None, 1.5, float("nan")]), ["12345678901", "", "1.5", ""]),
    (pa.array([1e16, 1e-7, -2.5e20]), ["10000000000000000", "0.0000001", "-250000000000000000000"]),
    (pa.array([0.1, 1e10], pa.float32()), ["0.1", "10000000000"]),
    (pa.array([1.5], pa.float16()), ["1.5"]),
    (pa.array([2**63 - 1, -(2**63)]), ["9223372036854775807", "-9223372036854775808"]),
    (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    (pa.array([1, -1], pa.int8()), ["1", "-1"]),
    (pa.array([True, False, None]), ["true", "false", ""]),
    (pa.array([Decimal("1.50"), Decimal("0.00")], pa.decimal128(5, 2)), ["1.50", "0.00"]),
    (pa.array([Decimal("1.5")], pa.decimal256(60, 1)), ["1.5"]),
    (pa.array([Decimal(12)], pa.decimal128(38, 20)), ["12." + "0" * 20]),
    (pa.array([b"a\xc3\xa9", None]), ["aé", ""]),
    (pa.array([b"ab"], pa.binary(2)), ["ab"]),
    (pa.array(["x", None], pa.large_string()), ["x", ""]),
    (pa.array(["x", "y", "x", None]).dictionary_encode(), ["x", "y", "x", ""]),
    (pa.array([BARE.date()]), ["2026-01-02"]),
    (pa.array([BARE.time()]), ["03:04:05.678901"]),
    (pa.array([BARE], pa.timestamp("us")), ["2026-01-02 03:04:05.678901"]),
    (pa.array([BARE], pa.timestamp("ns")), ["2026-01-02 03:04:05.678901000"]),
    (pa.array([MOMENT], pa.timestamp("us", "UTC")), ["2026-01-02 03:04:05.678901Z"]),
    (pa.array([MOMENT], pa.timestamp("us", "+02:00")), ["2026-01-02 05:04:05.678901+0200"]),
    (pa.array([MOMENT], pa.timestamp("us", "No/Where")), ["2026-01-02 03:04:05.678901Z"]),
    (pa.array([None], pa.null()), [""]),
    (pa.array([UUID], pa.uuid()), ["00010203-0405-0607-0809-0a0b0c0d0e0f"]),
]
EXOTIC: list[pa.Array] = [
    pa.array([[1, 2], None]),
    pa.array([{"at": BARE}, None], pa.struct({"at": pa.timestamp("ns")})),
    pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
    pa.array([dt.timedelta(1)]),
]


def written(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    path = folder / "t.parquet"
    parquet.write_table(pa.table(columns), path, **options)
    return path


def column(path: Path, name: str = "c", decimal: str = ".") -> list[str]:
    return [row[0] for batch in read_parquet(path, [name], decimal) for row in batch.rows]


@pytest.mark.parametrize(("values", "texts"), TOLD, ids=[str(v.type) for v, _ in TOLD])
def test_each_type_has_its_exact_text(tmp_path: Path, values: pa.Array, texts: list[str]) -> None:
    for stored in (True, False):
        try:
            path = written(tmp_path, {"c": values, "other": values}, store_schema=stored)
        except pa.ArrowNotImplementedError:
            continue
        if stored or not str(values.type).startswith(("timestamp[us, tz=", "decimal256")):
            assert column(path) == texts


def test_decimals_have_the_sign_of_the_mapping(tmp_path: Path) -> None:
    assert column(written(tmp_path, {"c": [1.5, 1e10]}), decimal=",") == ["1,5", "10000000000"]


@pytest.mark.parametrize("exotic", [*EXOTIC, pa.array([UUID], pa.binary(16))], ids=str)
def test_a_column_that_is_not_mapped_is_not_read(tmp_path: Path, exotic: pa.Array) -> None:
    names = dict(zip(("id", "at", "n", "note"), ([c] * len(exotic) for c in ROW), strict=True))
    path = written(tmp_path, {"a": exotic, **names, "b": exotic, "z": exotic})
    assert [row[2] for row in rows_of(path)] == ["a1"] * len(exotic)


@pytest.mark.parametrize("exotic", EXOTIC, ids=str)
def test_a_mapped_column_without_a_text_is_named(tmp_path: Path, exotic: pa.Array) -> None:
    names = {name: [cell] * len(exotic) for name, cell in zip(("id", "at", "n"), ROW, strict=False)}
    bad = refusal(written(tmp_path, {**names, "note": exotic}))
    assert bad.rule == "column-type"
    assert "'note'" in str(bad)


def test_bytes_that_are_no_text_and_cells_too_long_refuse_their_row(tmp_path: Path) -> None:
    notes = [b"ok", b"\xff\xfe", b"x" * (LONGEST_CELL + 1), b"ok"]
    names = {name: [cell] * 4 for name, cell in zip(("id", "at", "n"), ROW, strict=False)}
    found = rows_of(written(tmp_path, {**names, "note": notes}))
    assert [row[:2] for row in found] == [(1, ""), (2, "encoding"), (3, "cell-length"), (4, "")]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_codings_and_empty_groups(
    tmp_path: Path, compression: str, version: str, dictionary: bool
) -> None:
    table = pa.table({"c": [str(i % 700) for i in range(5000)], "d": range(5000)})
    path = tmp_path / "t.parquet"
    with parquet.ParquetWriter(
        path, table.schema, compression=compression, data_page_version=version,
        use_dictionary=dictionary, write_page_checksum=True,
    ) as writer:  # fmt: skip
        writer.write_table(table[:0])
        writer.write_table(table, row_group_size=3000)
        writer.write_table(table[:0])
    assert column(path) == table["c"].to_pylist()
    assert column(path, "d") == list(map(str, range(5000)))


@pytest.mark.parametrize("kind", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
def test_codings_of_texts(tmp_path: Path, kind: str) -> None:
    texts = [f"prefix-{i}" for i in range(5000)]
    path = written(tmp_path, {"c": texts}, use_dictionary=False, column_encoding={"c": kind})
    assert column(path) == texts


STRUCTS = pa.array(
    [
        {"email": "a@b.example", " firm": {"size": 5, "tags": ["x"]}, "plan": "pro"},
        None,
        {"email": None, " firm": None, "plan": "pro"},
    ],
    pa.struct(
        [
            ("email", pa.string()),
            (" firm", pa.struct([("size", pa.int64()), ("tags", pa.list_(pa.string()))])),
            ("plan", pa.dictionary(pa.int32(), pa.string())),
        ]
    ),
)


@pytest.mark.parametrize("stored", [True, False])
def test_fields_of_structs_are_columns(tmp_path: Path, stored: bool) -> None:
    columns = {"contact": STRUCTS, "n": [1, 2, 3]}
    path = written(tmp_path, columns, store_schema=stored, row_group_size=2)
    assert column(path, "contact.email") == ["a@b.example", "", ""]
    assert column(path, "contact.firm.size") == ["5", "", ""]
    assert column(path, "contact.plan") == ["pro", "", "pro"]
    (first, *_) = [b for b in read_parquet(path, ["n"], ".", whole=True) if b.rows]
    assert first.names == ("contact.email", "contact.firm.size", "contact.plan", "n")
    assert list(first.rows[0]) == ["a@b.example", "5", "pro", "1"]


@pytest.mark.parametrize("name", ["contact", "contact.firm", "contact.firm.tags"])
def test_structs_and_lists_themselves_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="a list, a map or a struct") as bad:
        column(written(tmp_path, {"contact": STRUCTS}), name)
    assert bad.value.rule == "column-type"


def test_names_with_points_blanks_and_twice(tmp_path: Path) -> None:
    assert column(written(tmp_path, {" a.b ": ["x"], "a": [{"b": 1}]}), "a.b") == ["x"]
    twice = pa.table([pa.array(["x"])] * 2, names=["c", "c"])
    parquet.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(BadInput, match="twice"):
        column(tmp_path / "t.parquet")
    assert column(tmp_path / "t.parquet", "other") == []


def test_a_text_kept_once_and_meant_often_is_read_in_bounds(tmp_path: Path) -> None:
    long = pa.array(["x" * LONGEST_CELL])
    places = pa.array([0] * 3000, pa.int32())
    path = written(
        tmp_path, {"c": pa.DictionaryArray.from_arrays(places, long)}, store_schema=False
    )
    pa.default_memory_pool().release_unused()
    before, count = pa.total_allocated_bytes(), 0
    for batch in read_parquet(path, ["c"], "."):
        count += len(batch.rows)
        assert len(batch.rows) <= 16
        assert pa.total_allocated_bytes() - before < 200 << 20
    assert count == 3000


def damaged(raw: bytes, seed: int, times: int) -> Iterator[bytes]:
    draw = random.Random(seed)
    for _ in range(times):
        held = bytearray(raw)
        for _ in range(draw.choice((1, 1, 4, 40))):
            held[draw.randrange(4, len(held))] = draw.randrange(256)
        yield bytes(held[: draw.randrange(5, len(held))] if draw.random() < 0.2 else held)


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_damage_anywhere_is_rows_or_one_line(tmp_path: Path, compression: str) -> None:
    columns = {f"c{i}": values[:1] for i, (values, _) in enumerate(TOLD)}
    columns |= {"id": pa.array(["a1"]), "note": pa.array(["x"]).dictionary_encode()}
    columns = {k: v for k, v in columns.items() if not pa.types.is_decimal256(v.type)}
    raw = written(tmp_path, columns, compression=compression).read_bytes()
    path = tmp_path / "d.parquet"
    rules = set()
    for one in damaged(raw, 7, 250):
        path.write_bytes(one)
        try:
            for _ in read_parquet(path, list(columns), "."):
                pass
        except BadInput as bad:
            assert "\n" not in str(bad)  # noqa: PT017
            rules.add(bad.rule)
    assert "not-parquet" in rules


def test_a_row_without_an_id_keeps_its_name_when_the_mapping_changes(tmp_path: Path) -> None:
    """A mapping that is mended takes the same file in again: what came in stays one event."""
    table = pa.table(
        {
            "Id": ["a", "b"],
            "Created": ["2024-05-01T10:00:00Z"] * 2,
            "Country": ["DE", "FR"],
            "Score": [1.5, None],
            "Raw": pa.array([b"\xff", b"x"], pa.binary()),
            "Nested": [[1], [2, 3]],
        }
    )
    parquet.write_table(table, tmp_path / "l.parquet")
    told = []
    for data in ("country: Country", "country: Country, score: {column: Score, kind: number}"):
        (tmp_path / "m.yaml").write_text(
            "name: t\nsource: t\ntables:\n  - identifiers: {crm_id: Id}\n    time: Created\n"
            f"    events: [{{type: t.lead_created, channel: crm, data: {{{data}}}}}]\n"
        )
        mapping = load_mapping(tmp_path / "m.yaml")
        rows = list(mapping.documents(tmp_path / "l.parquet"))
        assert [row.rule for row in rows] == ["", ""]
        told.append([msgspec.json.decode(row.document)["id"] for row in rows])
    assert told[0] == told[1]
    assert len(set(told[0])) == 2
