"""One meaning a word: types' names, the glossary's places, and words that were given up."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = sorted(path.parent for path in ROOT.glob("*/__init__.py"))
GIVEN_UP = {
    "has not the scope": "lacks the required scope",
    "none of ours": "invalid",
    "speaks of": "refers to",
    "it is not said who": "must not be empty",
    "are more than all": "must not exceed 1",
}
"""Phrases that a stranger stumbles over, with what to write instead."""


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in package.rglob("*.py")]


def test_no_two_types_have_one_name() -> None:
    defined = defaultdict(list)
    for path in sources():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}


def test_the_glossary_leads_to_what_it_tells_of() -> None:
    rows = re.findall(
        r"^\| (.+?) \| .+ \| (.+?) \|$", (ROOT / "docs/glossary.md").read_text(), re.M
    )
    assert len(rows) > 80
    for term, place in rows[2:]:
        for path in re.findall(r"`([\w./*-]+)`", place):
            assert list(ROOT.glob(path.rstrip("/"))), f"{term}: {path}"


def test_the_glossary_names_each_term_once_in_order() -> None:
    rows = re.findall(r"^\| (.+?) \| .+ \| .+? \|$", (ROOT / "docs/glossary.md").read_text(), re.M)
    terms = [row for row in rows if row not in {"term", "---"}]
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize("phrase", GIVEN_UP)
def test_a_phrase_is_given_up(phrase: str) -> None:
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in [*sources(), *pages]
        if phrase in path.read_text()
    ]
    assert not found, f"write: {GIVEN_UP[phrase]}"
