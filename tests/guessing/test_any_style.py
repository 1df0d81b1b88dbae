"""However a table is written, the mapping that is proposed for it gives the same events."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.signals import decode
from jobs.signals.propose_mapping import propose, tried
from signals.guessing.questions import Answers, take_guess

Row = tuple[str, datetime, float, str, str, datetime]
HEADER = ("Lead ID", "Created at", "Employees", "Source", "Status", "Closed at")
SOURCES = ("Messe Köln", "café", "search", "Größe; weit", 'so "genannt"', "a,b")
TIMES: dict[str, Callable[[datetime], str]] = {
    "iso": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "offset": lambda t: (t + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    "german": lambda t: t.strftime("%d.%m.%Y %H:%M"),
    "british": lambda t: t.strftime("%d/%m/%Y %H:%M"),
    "american": lambda t: t.strftime("%m/%d/%Y %I:%M %p"),
    "short": lambda t: t.strftime("%m/%d/%y %H:%M"),
    "words": lambda t: t.strftime("%b %d, %Y %H:%M"),
    "dashes": lambda t: t.strftime("%d-%m-%Y, %H:%M"),
    "count": lambda t: str(int(t.timestamp())),
    "milliseconds": lambda t: str(int(t.timestamp()) * 1000),
}
NUMBERS: dict[str, Callable[[float], str]] = {
    "plain": lambda n: f"{n:.1f}",
    "grouped": lambda n: f"{n:,.1f}",
    "comma": lambda n: f"{n:.1f}".replace(".", ","),
    "points": lambda n: f"{n:,.1f}".translate(str.maketrans(",.", ".,")),
    "blanks": lambda n: f"{n:,.1f}".replace(",", " "),
    "currency": lambda n: f"€ {n:.1f}",
}


@dataclass(frozen=True)
class Style:
    """How a table is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    end: str = "\n"
    time: str = "iso"
    number: str = "plain"
    titles: int = 0
    packed: bool = False
    hint: bool = False


styles = st.builds(
    Style,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quote=st.sampled_from(['"', "'"]),
    end=st.sampled_from(["\n", "\r\n"]),
    time=st.sampled_from([*TIMES]),
    number=st.sampled_from([*NUMBERS]),
    titles=st.integers(0, 3),
    packed=st.booleans(),
)


def table(seed: int, count: int = 40) -> list[Row]:
    """Invented leads; some days are above 12, and some numbers have decimals."""
    rows: list[Row] = []
    for i in range(count):
        n = (seed * 7919 + i * 104_729) % 99_991
        came = datetime(2024, 1 + n % 12, 1 + n % 28, n % 24, n % 60, tzinfo=UTC)
        status = ("Won", "Lost", "Open")[n % 3]
        closed = came + timedelta(days=1 + n % 30, minutes=n % 50)
        rows.append((f"L-{seed}-{i}", came, n / 2 + 1000, SOURCES[n % 6], status, closed))
    return rows


def cells(rows: Sequence[Row], style: Style) -> list[list[str]]:
    when, number = TIMES[style.time], NUMBERS[style.number]
    return [
        [key, when(came), number(size), source, status, when(closed) if status != "Open" else ""]
        for key, came, size, source, status, closed in rows
    ]


def written(folder: Path, rows: Sequence[Row], style: Style) -> Path:
    out = io.StringIO()
    for title in range(style.titles):
        out.write(f"Export {title} of all leads{style.end}")
    writer = csv.writer(
        out,
        delimiter=style.delimiter,
        quotechar=style.quote,
        lineterminator=style.end,
        quoting=csv.QUOTE_ALL if style.quote == "'" else csv.QUOTE_MINIMAL,
    )
    writer.writerow(HEADER)
    writer.writerows(cells(rows, style))
    raw = out.getvalue().encode(style.encoding)
    path = folder / ("leads.csv.gz" if style.packed else "leads.csv")
    path.write_bytes(gzip.compress(raw) if style.packed else raw)
    return path


def events(path: Path, **answers: str) -> list[tuple[Any, ...]]:
    """What the proposed mapping makes of a file, without ids; no row may be refused."""
    stated = Answers(**{"time_zone": "UTC", **answers})
    proposal = propose([str(path)], stated, take_guess)
    (trial,) = tried(proposal)
    assert (trial.refused, trial.left_out) == ({}, ())
    signals = [decode(row.document) for row in proposal.mapping.documents(path)]
    return [(s.type, s.time, s.identifiers, s.data) for s in signals]


def expected(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """The events as they were meant."""
    meant: list[tuple[Any, ...]] = []
    for key, came, size, source, status, closed in rows:
        who = {"crm_id": key}
        meant.append(("leads.lead_created", came, who, {"employees": size, "source": source}))
        if status != "Open":
            meant.append((f"leads.lead_{status.lower()}", closed, who, {}))
    return meant


@given(style=styles, seed=st.integers(0, 999))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_in_any_style(tmp_path: Path, style: Style, seed: int) -> None:
    rows = table(seed)
    assert events(written(tmp_path, rows, style)) == expected(rows)


@pytest.mark.parametrize("form", ["lines", "list", "indented"])
@pytest.mark.parametrize("time", ["iso", "offset", "count"])
def test_json(tmp_path: Path, form: str, time: str) -> None:
    rows = table(5)
    documents = [
        {"Lead ID": r[0], "Created at": r[1], "Employees": rows[i][2], "of": {"Source": r[3]},
         "Status": r[4], "Closed at": r[5] or None}
        for i, r in enumerate(cells(rows, Style(time=time)))
    ]  # fmt: skip
    text = (
        "\n".join(map(json.dumps, documents))
        if form == "lines"
        else json.dumps(documents, indent=2 if form == "indented" else None)
    )
    path = tmp_path / "leads.json"
    path.write_text(text)
    meant = [
        (kind, at, who, {("of_source" if k == "source" else k): v for k, v in data.items()})
        for kind, at, who, data in expected(rows)
    ]
    assert sorted(events(path), key=str) == sorted(meant, key=str)


def test_a_workbook_with_titles_and_a_second_sheet(tmp_path: Path) -> None:
    rows = table(6)
    book = openpyxl.Workbook()
    other, sheet = book.active, book.create_sheet("All leads")
    assert other is not None
    other.append(["nothing"])
    sheet.append(["Leads of the year"])
    sheet.append(HEADER)
    for key, came, size, source, status, closed in rows:
        ended = closed.replace(tzinfo=None) if status != "Open" else None
        sheet.append([key, came.replace(tzinfo=None), size, source, status, ended])
    path = tmp_path / "leads.xlsx"
    book.save(path)
    assert events(path, sheet="All leads") == expected(rows)


def test_parquet(tmp_path: Path) -> None:
    rows = table(7)
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[5] = [row[5] if row[4] != "Open" else None for row in rows]
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table(dict(zip(HEADER, columns, strict=True))), path)
    assert events(path) == expected(rows)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", ("Zürich", "Åland", "Málaga", "crème brûlée")),
        ("cp1251", ("Москва", "Санкт Петербург", "Нижний Новгород", "выставка")),
        ("cp1250", ("Łódź", "Wrocław", "Žižkov", "Plzeň")),
        ("cp1253", ("Αθήνα", "Θεσσαλονίκη", "έκθεση", "Πάτρα")),
        ("cp932", ("東京タワー", "大阪の展示会", "カタログ", "ひらがな")),
    ],
)
def test_words_tell_the_encoding(tmp_path: Path, encoding: str, words: Sequence[str]) -> None:
    rows = [(k, c, n, words[i % 4], s, e) for i, (k, c, n, _, s, e) in enumerate(table(8))]
    path = written(tmp_path, rows, Style(encoding=encoding, delimiter=";"))
    assert events(path) == expected(rows)


def test_a_table_without_header_and_without_times(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    lines = [f"{n},{n % 7 + 0.5},{'red' if n % 3 else 'blue'},{n % 2}" for n in range(1, 61)]
    path.write_text("\n".join(lines) + "\n")
    proposal = propose([str(path)], Answers(outcome="column_4"), take_guess)
    assert proposal.mapping.file.tables[0].columns == tuple(f"column_{k}" for k in range(1, 5))
    (trial,) = tried(proposal)
    assert trial.events == {"leads.lead_created": 60, "leads.lead_won": 30}
