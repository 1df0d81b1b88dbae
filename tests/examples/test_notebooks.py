"""The notebooks run on a home, and stand in the repository with outputs fit to be there."""

import ast
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import nbformat
import pytest

from config.settings import Settings
from tests.examples.notebooks import FOLDER, NAMES, executed
from wiring.scoring import open_scoring

LARGEST = 200_000
"""Bytes of a notebook with its outputs."""
MACHINE = re.compile(r"/(?:home|root|tmp|work|usr|opt|private|Users|var)/|[A-Z]:\\\\")


def cells(name: str) -> Iterator[Any]:
    yield from nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells  # type: ignore[no-untyped-call]


def test_there_are_three() -> None:
    assert len(NAMES) == 3


@pytest.mark.parametrize("name", NAMES)
def test_it_stands_with_outputs_that_tell_of_no_machine(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < LARGEST
    assert not MACHINE.search(path.read_text())
    code = [cell for cell in cells(name) if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = [output for cell in code for output in cell.outputs]
    assert not [one for one in shown if one.output_type == "error" or one.get("name") == "stderr"]
    assert any("image/png" in one.get("data", {}) for one in shown) or name.startswith("3")
    assert cells(name).__next__().cell_type == "markdown"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name: str, own_home: Settings) -> None:
    scoring = open_scoring(own_home)
    leads = [str(lead.lead_id) for lead in islice(scoring.plane.directory.all(), 60)]
    scoring.answerer.score(leads)
    ran = executed(name, own_home.home)
    for cell in ran.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error"
    if name.startswith("3"):
        told = ast.literal_eval(ran.cells[-1].outputs[0].data["text/plain"])
        assert told["leads"] > 0
        assert told["largest difference"] < 1e-9
