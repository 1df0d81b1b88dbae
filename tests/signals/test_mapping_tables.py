"""One table in several kinds of file; tables without a key; words of a mapping against cells."""

import csv
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from domain.errors import BadMapping
from domain.signals import Signal, decode
from signals.identifiers.left_out import LeftOut
from signals.mapping.mapping import Mapping, load_mapping

TYPED = """
name: shop
source: shop
time_zone: UTC
tables:
  - identifiers: {crm_id: {column: id, kind: integer}}
    time: {at: 2024-01-01T00:00:00Z}
    missing_in: {score: [-1]}
    events:
      - type: {column: stage, types: {1: shop.first, 2: shop.second}, others: skip}
        data: {score: {column: score, kind: number}, n: {column: n, kind: integer}}
      - {type: shop.won, when: [{column: won, equals: 1}]}
      - {type: shop.lost, when: [{column: won, in: [0, -1]}]}
      - {type: shop.paid, when: [{column: paid, equals: true}], data: {paid: {column: paid, kind: boolean}}}
      - {type: shop.up, when: [{column: score, sign: positive}]}
      - {type: shop.seen}
"""  # noqa: E501


def mapping(folder: Path, text: str) -> Mapping:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def signals(made: Mapping, path: Path) -> tuple[list[Signal], Counter[LeftOut]]:
    """Signals but for their ids, which hold the row as the file wrote it."""
    documents = made.documents(path)
    found = [decode(m.document) for m in documents if not m.rule]
    assert documents.tally.rejected == 0
    return found, documents.tally.left_out


def told(found: list[Signal]) -> list[Any]:
    return [(s.type, s.time, s.identifiers, s.data) for s in found]


GAPPED = st.none() | st.integers(-2, 3)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 2**40),
            "stage": GAPPED,
            "won": GAPPED,
            "n": GAPPED,
            "score": st.none() | st.floats(-9, 9).map(lambda x: round(x, 3)),
            "paid": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS)
def test_a_table_says_the_same_through_csv_and_parquet(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    made = mapping(tmp_path, TYPED)
    frame = pd.DataFrame(rows)  # whole numbers with a gap become floats, as pandas has them
    frame.to_csv(tmp_path / "pandas.csv", index=False)
    frame.to_parquet(tmp_path / "pandas.parquet")
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "typed.parquet")
    with (tmp_path / "plain.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    names = ("plain.csv", "pandas.csv", "pandas.parquet", "typed.parquet")
    found = [told(signals(made, tmp_path / name)[0]) for name in names]
    assert found[0] == found[1] == found[2] == found[3]
    assert [t for t, *_ in found[0]].count("shop.won") == sum(r["won"] == 1 for r in rows)
    assert [t for t, *_ in found[0]].count("shop.paid") == sum(r["paid"] is True for r in rows)
    first = [r for r in rows if r["stage"] in (1, 2)]
    scores = [d.get("score") for t, _, _, d in found[0] if t in ("shop.first", "shop.second")]
    assert scores == [
        None if s is None or math.isclose(s, -1) else s for s in (r["score"] for r in first)
    ]


SNAPSHOT = """
name: crm
source: crm
tables:
  - identifiers: {crm_id: {row: true}}
    time: {row: true, since: 2024-01-01T00:00:00Z, unit: hours}
    events:
      - {type: own.created, data: {size: {column: size, kind: number}}}
      - {type: own.won, when: [{column: won, equals: true}], time: {row: true, since: 2024-01-01T00:00:00Z, unit: hours, plus: 30m}}
"""  # noqa: E501


def test_rows_without_key_or_date_have_their_number_as_both(tmp_path: Path) -> None:
    made = mapping(tmp_path, SNAPSHOT)
    text = "size,won\n5,yes\n5,no\n\n5,no,x\n5,no\n"
    (tmp_path / "a.b.csv").write_text(text)
    documents = list(made.documents(tmp_path / "a.b.csv"))
    found = [decode(m.document) for m in documents if not m.rule]
    assert [(s.identifiers["crm_id"], str(s.time)[11:16]) for s in found] == [
        ("a.b:1", "01:00"), ("a.b:1", "01:30"), ("a.b:2", "02:00"), ("a.b:4", "04:00")
    ]  # fmt: skip
    again = [decode(m.document).id for m in made.documents(tmp_path / "a.b.csv") if not m.rule]
    assert again == [s.id for s in found]
    (tmp_path / "other.csv").write_text(text)
    others = {decode(m.document).id for m in made.documents(tmp_path / "other.csv") if not m.rule}
    assert not others & set(again), "a row of another file is another lead, however equal"
    assert len(set(again)) == 4


def test_rows_are_numbered_alike_in_batches_and_kinds_of_file(tmp_path: Path) -> None:
    made, rows = mapping(tmp_path, SNAPSHOT), 5000
    frame = pd.DataFrame({"size": range(rows), "won": False})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    found = [told(signals(made, tmp_path / name)[0]) for name in ("t.csv", "t.parquet")]
    assert found[0] == found[1]
    assert [who["crm_id"] for _, _, who, _ in found[0]] == [f"t:{n + 1}" for n in range(rows)]


def test_left_out_cells_are_counted_once_a_row_by_column_and_rule(tmp_path: Path) -> None:
    text = SNAPSHOT.replace(
        "when: [{column: won", "data: {size: {column: size, kind: number}}, when: [{column: won"
    )
    (tmp_path / "t.csv").write_text('size,won\n5,yes\nbig,yes\n"1,2",no\n5%,no\nhuge,no\n')
    found, left = signals(mapping(tmp_path, text), tmp_path / "t.csv")
    assert len(found) == 7
    assert [s.data for s in found[2:]] == [{}] * 5
    rules = {"number": 2, "number-grouping": 1, "number-percent": 1}
    assert left == {LeftOut("size", rule): count for rule, count in rules.items()}


def test_a_required_field_that_cannot_be_read_keeps_its_row_in_quarantine(tmp_path: Path) -> None:
    made = mapping(tmp_path, SNAPSHOT.replace("kind: number}", "kind: number, required: true}"))
    (tmp_path / "t.csv").write_text("size,won\nbig,yes\n5,no\n")
    documents = made.documents(tmp_path / "t.csv")
    assert [m.rule for m in documents] == ["number", ""]
    assert not documents.tally.left_out


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("crm_id: {row: true}", "crm_id: {row: true, column: id}", "exactly one"),
        ("crm_id: {row: true}", "crm_id: {row: true, kind: integer}", "Leave the kind out"),
        ("    time: {row", "    missing_in: {siez: [0]}\n    time: {row", "spelling"),
        ("    time: {row", "    missing: [no]\n    time: {row", "in quotes"),
        ("{column: size, kind: number}", "{column: no, kind: number}", "in quotes"),
        ("{column: size, kind: number}", "{column: size, minimum: 0}", "kind: number"),
        ("{column: size, kind: number}", "{constant: 0.5, kind: percent}", "column"),
    ],
)
def test_what_nothing_would_use_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(BadMapping, match=says):
        mapping(tmp_path, SNAPSHOT.replace(old, new, 1))


def test_one_true_and_1_are_three_constants(tmp_path: Path) -> None:
    text = SNAPSHOT.replace(
        "size: {column: size, kind: number}",
        "a: {constant: 1}, b: {constant: true}, c: {constant: 1.0}",
    )
    (tmp_path / "t.csv").write_text("size,won\n1,no\n")
    ((one,), _) = signals(mapping(tmp_path, text), tmp_path / "t.csv")
    assert [repr(v) for v in one.data.values()] == ["1", "True", "1.0"]


@pytest.mark.parametrize(
    "form",
    [";", "tab", "blanks", "|", ",", "sep=;", "sep=,", "sep=\t", ".parquet", ".xlsx"],
)
@pytest.mark.parametrize("decimal", [None, ",", "."])
@pytest.mark.parametrize("skipped", [False, True])
def test_a_comma_before_three_digits_is_thousands_decimals_or_refused(
    tmp_path: Path, form: str, decimal: str | None, skipped: bool
) -> None:
    """By the file's own delimiter, wherever it is told: in the mapping, or in the first line."""
    in_line = form.startswith("sep=")
    said = f'    decimal: "{decimal}"\n' if decimal else ""
    if not in_line and not form.startswith("."):
        said += f"    delimiter: {json.dumps(form)}\n"
    if in_line and skipped:
        said += "    skip_lines: 1\n"
    made = mapping(tmp_path, SNAPSHOT.replace("    time: {row", said + "    time: {row", 1))
    path = tmp_path / f"t{form if form.startswith('.') else '.csv'}"
    _write(path, form)
    (one,), left = signals(made, path)
    unsure = decimal is None and form not in (",", "sep=,")
    assert one.data == ({} if unsure else {"size": 1.098 if decimal == "," else 1098.0})
    assert [one.rule for one in left] == ["number-ambiguous"] * unsure


def _write(path: Path, form: str) -> None:
    if form == ".parquet":
        parquet.write_table(pa.table({"size": ["1,098"], "won": ["no"]}), path)
    elif form == ".xlsx":
        book = openpyxl.Workbook()
        for row in (["size", "won"], ["1,098", "no"]):
            book.active.append(row)
        book.save(path)
    else:
        between = {"tab": "\t", "blanks": "  "}.get(form, form.removeprefix("sep="))
        head = f"{form}\n" if form.startswith("sep=") else ""
        path.write_text(f'{head}size{between}won\n"1,098"{between}no\n')


ACTED = """
name: mail
source: mail
time_zone: UTC
missing: [none]
tables:
  - identifiers: {email: mail}
    time: at
    id: [id]
    action_id: message
    events: [{type: mail.opened}, {type: mail.seen, when: [{column: message, present: true}]}]
"""


def test_the_action_that_a_row_answers_is_told(tmp_path: Path) -> None:
    path = tmp_path / "opened.csv"
    messages = ["m-1:a", "none", "", "two words", "x" * 129, " m-2 ", "m_3\u0663"]
    lines = [f"{n},a{n}@b.example,2026-01-01T00:00:00Z,{m}" for n, m in enumerate(messages)]
    path.write_text("\n".join(["id,mail,at,message", *lines]), encoding="utf-8")
    documents = list(mapping(tmp_path, ACTED).documents(path))
    made = [decode(m.document) for m in documents if not m.rule]
    assert [(s.type, s.actionid) for s in made] == [
        ("mail.opened", "m-1:a"),
        ("mail.seen", "m-1:a"),
        ("mail.opened", None),
        ("mail.opened", None),
        ("mail.opened", "m-2"),
        ("mail.seen", "m-2"),
    ]
    rejected = [m for m in documents if m.rule]
    assert [(m.line, m.rule) for m in rejected] == [
        (5, "action-id"),
        (6, "action-id"),
        (8, "action-id"),
    ]
    assert all("two words" not in m.detail for m in rejected)


def test_without_the_key_nothing_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "opened.csv"
    path.write_text("id,mail,at,message\n1,a@b.example,2026-01-01T00:00:00Z,m-1\n")
    made, _ = signals(mapping(tmp_path, ACTED.replace("    action_id: message\n", "")), path)
    assert {s.actionid for s in made} == {None}
