"""`leadscore workflow conform`: event logs replayed on a workflow, drawn from them or given."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.errors import BadInput
from jobs.workflow.traces import TraceColumns, read_traces
from leadscore.cli import app
from tests.workflow.charts import written

LOG = """case_id,activity,timestamp
1,Won,2026-03-05T10:00:00Z
1,Call,2026-03-02T09:00:00Z
2,Call,2026-03-02T11:00:00+02:00
2,Won,2026-03-09T16:00:00Z
3,Won,2026-03-03T08:00:00Z
"""
GIVEN = {
    "version": 1,
    "name": "given",
    "initial": "begun",
    "events": {"call": {"source": "person"}, "won": {"source": "person"}},
    "states": {
        "begun": {"transitions": {"call": [{"to": "called"}], "won": [{"to": "over"}]}},
        "called": {"transitions": {"call": [{"to": "called"}]}},
        "over": {"final": True},
    },
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def conform(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["workflow", "conform", *words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_traces_are_ordered_by_time_over_all_files(log: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("timestamp,case_id,activity,x\n2026-03-04T00:00:00Z,1,Offer,\n")
    traces = read_traces([log, more], TraceColumns())
    assert traces == {"1": ["Call", "Offer", "Won"], "2": ["Call", "Won"], "3": ["Won"]}


def test_a_workflow_that_is_drawn_rejects_what_is_rare(log: Path) -> None:
    seen = conform(str(log), "--least-share", "0.5")
    assert (seen["traces"], seen["accepted"], seen["steps"], seen["taken_steps"]) == (3, 2, 5, 4)
    (reason,) = seen["rejections"]
    assert (reason["state"], reason["event"], reason["traces"]) == ("begun", "won", 1)
    assert conform(str(log), "--least-share", "0")["accepted"] == 3


def test_a_workflow_that_is_given_is_held_against_the_log(log: Path, tmp_path: Path) -> None:
    seen = conform(str(log), "--against", str(written(tmp_path, GIVEN)))
    assert seen["accepted"] == 1
    result = CliRunner().invoke(app, ["workflow", "conform", str(log)])
    assert "3 of 3 traces accepted" in result.stdout


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("case_id,activity\n", "no column timestamp", 1),
        (LOG + "4,,2026-03-03T08:00:00Z\n", "activity is empty", 7),
        (LOG + "4,Call,03/04/2026\n", "no ISO 8601 time", 7),
        (LOG + "4,Call\n", "timestamp is empty", 7),
        (LOG + "4,Call,2026-03-03T08:00:00\n", "name their zone", 7),
        (LOG + f"4,{'x' * 201},2026-03-03T08:00:00Z\n", "more than 200", 7),
    ],
)
def test_what_cannot_be_read_is_refused_by_line(
    tmp_path: Path, text: str, words: str, line: int
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=words) as raised:
        read_traces([path], TraceColumns())
    assert raised.value.where == f"{path}, line {line}"


def test_a_log_may_be_packed(log: Path, tmp_path: Path) -> None:
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert read_traces([packed], TraceColumns()) == read_traces([log], TraceColumns())
    damaged = tmp_path / "damaged.csv.gz"
    damaged.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(BadInput, match="gzip-damaged"):
        read_traces([damaged], TraceColumns())


XES = b'<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0"><trace/></log>\n'


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("log.xes", XES, "an XES log"),
        ("log.xes.gz", gzip.compress(XES, mtime=0), "an XES log"),
        ("log.xml", XES, "an XES log"),
        ("log.csv", b"PAR1 and so on", "a Parquet file"),
        ("log.json", b'[{"case_id": 1}]', "JSON"),
        ("log.xlsx", b"PK\x03\x04 and so on", "a workbook"),
    ],
)
def test_what_is_another_kind_of_log_is_told_which_are_read(
    tmp_path: Path, name: str, body: bytes, kind: str
) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    with pytest.raises(BadInput, match=kind) as raised:
        read_traces([path], TraceColumns())
    assert "CSV, plain or packed with gzip" in raised.value.todo
    result = CliRunner().invoke(app, ["workflow", "conform", str(path)])
    assert result.exit_code != 0


@pytest.mark.parametrize("body", [None, b"case_id,activity,timestamp\n\xff,a,b\n"])
def test_what_is_no_file_and_no_text_is_refused(tmp_path: Path, body: bytes | None) -> None:
    path = tmp_path / "log.csv"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(BadInput):
        read_traces([path], TraceColumns())
