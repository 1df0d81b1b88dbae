"""One meaning a word: types' names, the glossary's places, and words that were given up."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
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

NO_NAMES = {
    *("asked", "came", "found", "given", "gone", "got", "heard"),
    *("held", "led", "made", "said", "spoken", "taken", "told"),
}
"""Words that say nothing of the data that they name: a name is a noun, such as rows or request."""

PUBLIC = {
    "domain/decisions.py": {"asked"},
    "jobs/signals/quality_report.py": {"found"},
    "monitoring/reports/summary.py": {"made"},
    "registry/rollout_state.py": {"held"},
    "training/evaluation/fairness.py": {"found"},
}
"""Fields of files and answers that others read: they stay."""


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in package.rglob("*.py")]


def test_no_two_types_have_one_name() -> None:
    defined = defaultdict(list)
    for path in sources():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}


def bound(tree: ast.AST) -> Iterator[str]:
    """Every name that a file binds: variables, parameters, attributes, functions."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name


def test_data_are_named_by_nouns() -> None:
    wrong = {}
    for path in sources():
        place = path.relative_to(ROOT).as_posix()
        names = {name.strip("_") for name in bound(ast.parse(path.read_text()))} & NO_NAMES
        names -= PUBLIC.get(place, set())
        if names:
            wrong[place] = sorted(names)
    assert wrong == {}


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
