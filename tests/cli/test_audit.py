"""The audit trail at the command line: listed, searched, exported, its features by name."""

import csv
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from config.settings import Settings
from domain.errors import BadInput, UnknownLead
from leadscore.cli import app
from wiring.scoring import open_scoring


@pytest.fixture
def decided(own_home: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of twelve leads that were just decided."""
    monkeypatch.setenv("LEADSCORE_HOME", str(own_home.home))
    scoring = open_scoring(own_home)
    leads: list[str] = [
        ref.lead_id for ref, _ in zip(scoring.plane.directory.all(), range(12), strict=False)
    ]
    scoring.answerer.score(leads)
    return leads


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["audit", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def listed(*words: str) -> list[dict[str, Any]]:
    """All pages."""
    rows: list[dict[str, Any]] = []
    after: list[str] = []
    while True:
        page = msgspec.json.decode(run("list", "--json", "--limit", "5", *words, *after))
        rows += page["decisions"]
        if page["next_cursor"] is None:
            return rows
        after = ["--after", page["next_cursor"]]


def test_list_show_and_export_tell_the_same(decided: list[str], tmp_path: Path) -> None:
    rows = listed()
    assert [r["answer"]["lead_id"] for r in rows][:12] == decided[::-1]
    first = rows[0]
    shown = msgspec.json.decode(run("show", first["answer"]["decision_id"], "--json"))
    assert {"sequence": first["sequence"], **shown} == first
    assert {"recency_d", "employees"} <= first["features"].keys()
    assert "country" in first["texts"]
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        assert f"{len(rows)} decisions" in run("export", "--out", str(tmp_path / name))
    assert [path.name for path in sorted(tmp_path.glob("*"))].count("a.csv") == 1
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line) for line in lines] == rows[::-1]
    with (tmp_path / "a.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    held = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [float(r["score"]) for r in table] == [r["score"] for r in held]
    assert [r["score"] for r in held] == [r["answer"]["score"] for r in rows[::-1]]
    assert msgspec.json.decode(held[-1]["features"]) == first["features"]


def test_options_narrow_the_list(decided: list[str], tmp_path: Path) -> None:
    rows = listed()
    one = rows[3]["answer"]
    for option, value, keep in (
        ("--lead", one["lead_id"], lambda a: a["lead_id"] == one["lead_id"]),
        ("--grade", one["grade"], lambda a: a["grade"] == one["grade"]),
        (
            "--version",
            one["versions"]["model"],
            lambda a: a["versions"]["model"] == one["versions"]["model"],
        ),
        ("--policy", "nobody-9", lambda _: False),
        (
            "--rule",
            one["decision"]["rules"][0],
            lambda a: one["decision"]["rules"][0] in a["decision"]["rules"],
        ),
    ):
        wanted = [r for r in rows if keep(r["answer"])]
        assert listed(option, value) == wanted, option
    assert listed("--account", rows[3]["account_id"])
    assert listed("--since", "2999-01-01T00:00:00Z") == []
    assert listed("--until", "2999-01-01T00:00:00Z") == rows
    assert "0 decisions" in run("export", "--out", str(tmp_path / "n.csv"), "--rule", "none")
    assert "decided" in run("list", "--limit", "2")


def test_what_cannot_be_is_one_line(decided: list[str], tmp_path: Path) -> None:
    for words, kind in (
        (["list", "--since", "yesterday"], BadInput),
        (["list", "--lead", "lead_nobody"], UnknownLead),
        (["list", "--after", "x"], BadInput),
        (["export", "--out", str(tmp_path / "a.xml")], BadInput),
    ):
        with pytest.raises(kind):
            run(*words)
    assert list(tmp_path.glob("a.*")) == []
