"""Known exports: recognised by their headers, and read by what is known of them."""

import csv
import json
import shlex
from pathlib import Path

import pytest

from config.settings import Settings
from jobs.signals.propose_mapping import propose, tried
from signals.events.event_log import size
from signals.guessing.known_exports import known_exports, recognised
from signals.guessing.questions import Answers, take_guess
from tests.commands import leadscore
from tests.docs.exports_page import FIXTURES, PAGE, filled, proposals
from training.config import read_config
from wiring.signals import open_signals

EXPORTS = {export.name: export for export in known_exports()}


@pytest.fixture(scope="module")
def read() -> dict[str, tuple[object, object]]:
    return {p.tables[0].export_name: (p, next(iter(tried(p)))) for p in proposals()}


def test_each_known_export_has_a_fixture_and_is_recognised(
    read: dict[str, tuple[object, object]],
) -> None:
    assert read.keys() == EXPORTS.keys()
    assert len(FIXTURES) == len(EXPORTS)


@pytest.mark.parametrize("name", EXPORTS)
def test_no_two_exports_have_the_same_headers(name: str) -> None:
    headers = EXPORTS[name].headers
    assert recognised(headers) == EXPORTS[name]
    assert recognised(header.upper() for header in headers) == EXPORTS[name]
    assert recognised(headers[1:]) != EXPORTS[name]


def test_the_table_of_the_page_is_what_comes_out_now() -> None:
    page = PAGE.read_text()
    assert filled(page) == page


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_all_rows_become_events_or_have_a_reason(path: Path) -> None:
    proposal = propose([str(path)], Answers(), take_guess)
    (trial,) = tried(proposal)
    assert trial.whole
    assert trial.rows == _rows(path)
    assert trial.accepted + sum(trial.refused.values()) == trial.rows
    assert trial.accepted >= 0.9 * trial.rows
    assert any(kind.endswith("won") for kind in trial.events) or proposal.tables[0].stream


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_nothing_that_knows_the_outcome_is_a_feature(path: Path) -> None:
    (table,) = propose([str(path)], Answers(), take_guess).tables
    export = EXPORTS[table.export_name]
    assert not table.fields.keys() & (export.late.keys() | export.left_out.keys())
    assert set(table.fields) & set(export.honest)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_the_next_command_works_as_it_is_printed(path: Path, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "guessed files"
    done = leadscore(home, "init", str(path), "--yes", "--out", str(out))
    assert done.returncode == 0, done.stderr
    ingest, train = done.stdout.splitlines()[-2:]
    program, *words = shlex.split(ingest)
    assert program == "leadscore"
    assert words[0] == "ingest"
    ingested = leadscore(home, *words)
    assert ingested.returncode == 0, ingested.stderr
    trial = next(iter(tried(propose([str(path)], Answers(), take_guess))))
    events = size(open_signals(Settings(home=home)).engine)
    assert events == sum(trial.events.values())
    program, *words = shlex.split(train)
    assert (program, words[0]) == ("leadscore", "train")
    assert read_config(Path(words[-1])).outcome == "won"


def test_comments_hold_no_cell_that_names_somebody() -> None:
    for path in FIXTURES:
        proposal = propose([str(path)], Answers(), take_guess)
        text = proposal.mapping_text + proposal.training_text
        for column, columns in proposal.tables[0].identifiers.items():
            for name in columns:
                cells = proposal.tables[0].distinct(name)
                assert not [cell for cell in cells if len(cell) > 3 and cell in text], column


def _rows(path: Path) -> int:
    if path.suffix == ".json":
        documents = json.loads(path.read_text())
        return len(documents["results"] if isinstance(documents, dict) else documents)
    if path.suffix == ".jsonl":
        return len(path.read_text().splitlines())
    with path.open(newline="") as stream:
        rows = csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        return sum(1 for _ in rows) - 1
