"""Columns within objects of JSON and structs of Parquet: guessed, written and read by one name."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from jobs.signals.propose_mapping import Proposal, propose, tried
from signals.guessing.questions import Answers, take_guess

LEADS: list[dict[str, Any]] = [
    {
        "id": f"k{i}",
        "contact": {"email": f"p{i}@firm{i % 7}.example", "firm": {"size": 10 + i % 9}},
        "created": f"2025-{1 + i % 12:02}-{1 + i % 28:02}T08:00:00Z",
        "deal": {"stage": "Closed Won" if i % 4 == 0 else "Closed Lost"},
        "tags": ["a", "b"] if i % 2 else ["c"],
    }
    for i in range(60)
]


def written(folder: Path, kind: str) -> Path:
    path = folder / f"leads.{kind}"
    if kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(LEADS), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(lead) + "\n" for lead in LEADS))
    else:
        path.write_text(json.dumps({"results": LEADS, "paging": {"next": {"after": "60"}}}))
    return path


def proposed(path: Path) -> Proposal:
    return propose([str(path)], Answers(), take_guess)


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet"])
def test_columns_within_objects_are_guessed_and_read(tmp_path: Path, kind: str) -> None:
    proposal = proposed(written(tmp_path, kind))
    (table,) = proposal.tables
    assert table.identifiers == {"crm_id": ("id",), "email": ("contact.email",)}
    assert table.outcome is not None
    assert table.outcome.column == "deal.stage"
    assert list(table.fields) == ["contact.firm.size"]
    (trial,) = tried(proposal)
    assert (trial.rows, trial.accepted) == (60, 60)
    assert trial.events == {"leads.lead_created": 60, "leads.lead_won": 15, "leads.lead_lost": 45}
    spec = yaml.safe_load(proposal.mapping_text)["tables"][0]
    assert spec["events"][0]["data"] == {
        "contact_firm_size": {"column": "contact.firm.size", "kind": "integer"}
    }


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_lists_are_left_out_with_why(tmp_path: Path, kind: str) -> None:
    text = proposed(written(tmp_path, kind)).mapping_text
    assert "#   tags: a list" in text.replace('"tags"', "tags")


def test_of_a_wide_parquet_file_the_first_columns_are_looked_at(tmp_path: Path) -> None:
    wide = pa.table({f"c{n}": ["x", "y"] for n in range(2_500)})
    columns = {"id": ["1", "2"], "won": ["yes", "no"]}
    for name, values in columns.items():
        wide = wide.add_column(0, name, pa.array(values))
    parquet.write_table(wide, tmp_path / "leads.parquet")
    proposal = proposed(tmp_path / "leads.parquet")
    assert len(proposal.tables[0].sample.names) == 2_000
    assert "more columns than are looked at" in proposal.mapping_text
