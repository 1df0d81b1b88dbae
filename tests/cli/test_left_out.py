"""What rows were taken without shows where their file is taken in: by column and rule, no value."""

import json
from pathlib import Path

import msgspec

from tests.commands import leadscore

MAPPING = """
name: own
source: own
time_zone: UTC
tables:
  - identifiers: {crm_id: id}
    time: at
    events: [{type: own.seen, data: {size: {column: Size of firm, kind: number}}}]
"""
ROWS = 'id,at,Size of firm\n1,2024-01-01,5\n2,2024-01-01,secret-many\n3,2024-01-01,"7,7"\n'
LEFT = [
    {"where": "Size of firm", "rule": "number", "count": 1},
    {"where": "Size of firm", "rule": "number-grouping", "count": 1},
]


def test_the_summary_of_ingest_tells_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "t.csv").write_text(ROWS)
    words = ("ingest", str(tmp_path / "t.csv"), "--mapping", str(tmp_path / "m.yaml"))
    told = leadscore(tmp_path / "one", *words)
    assert told.returncode == 0
    assert "t.csv         3         3           0            0" in told.stdout
    assert "t.csv  Size of firm          number-grouping      1" in told.stdout
    assert "docs/mapping.md" in told.stderr
    assert "secret" not in told.stdout + told.stderr
    (taken,) = json.loads(leadscore(tmp_path / "two", *words, "--json").stdout).values()
    assert (taken["received"], taken["accepted"], taken["left_out"]) == (3, 3, LEFT)
    assert leadscore(tmp_path / "two", "quarantine", "verify").returncode == 0


def test_a_file_of_events_leaves_nothing_out(tmp_path: Path) -> None:
    event = {
        "id": "1",
        "source": "own",
        "type": "web.page_viewed",
        "time": "2024-01-01T00:00:00Z",
        "identifiers": {"cookie": "c"},
        "data": {"page": "pricing"},
    }
    (tmp_path / "e.jsonl").write_bytes(msgspec.json.encode(event))
    (taken,) = json.loads(
        leadscore(tmp_path, "ingest", str(tmp_path / "e.jsonl"), "--json").stdout
    ).values()
    assert (taken["accepted"], taken["left_out"]) == (1, [])


def test_outcomes_that_no_row_became_are_named(tmp_path: Path) -> None:
    events = "{type: own.won, when: [{column: won, equals: %s}]}, {type: own.seen}"
    head = MAPPING.partition("    events:")[0] + f"    events: [{events}]\n"
    (tmp_path / "t.csv").write_text("id,at,won\n1,2024-01-01,1.0\n2,2024-01-01,\n")
    found: list[str] = []
    for word in ('"1"', "1"):
        (tmp_path / "m.yaml").write_text(head % word + "outcomes: {won: {types: [own.won]}}\n")
        words = ("ingest", str(tmp_path / "t.csv"), "--mapping", str(tmp_path / "m.yaml"))
        found.append(leadscore(tmp_path / f"home{len(found)}", *words).stderr)
    assert "t.csv: no row became own.won" in found[0]
    assert "no row became" not in found[1]
