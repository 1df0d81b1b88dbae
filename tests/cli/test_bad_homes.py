"""Homes that are none, for what opens one: a line with a rule and what to do, and no trace."""

from pathlib import Path

import pytest

import leadscore as product
from config.settings import Settings
from domain.errors import LeadscoreError
from feature_repo.standard import standard_service
from tests.commands import leadscore
from wiring.signals import adopt


def broken_home(folder: Path, kind: str) -> Path:
    home = folder / kind
    if kind == "file":
        home.write_text("x")
    if kind in ("empty", "settings", "definition", "databases"):
        home.mkdir()
    if kind == "settings":
        (home / "settings.yaml").write_text(": : [")
    if kind == "definition":
        (home / "definition.json").write_bytes(b"\xff\x00junk")
    if kind == "databases":
        adopt(Settings(home=home), standard_service())
        for database in ("signals.db", "audit.db"):
            (home / database).write_bytes(b"\xff\x00junk" * 1_000)
    return home


RULES = {
    "absent": {"home-present", "home-exists"},
    "file": {"home-present", "home-exists"},
    "empty": {"home-exists"},
    "settings": {"settings"},
    "definition": {"definition-whole"},
    "databases": {"database-usable"},
}


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("command", ["console", "mcp"])
def test_a_home_that_is_none_is_refused(tmp_path: Path, kind: str, command: str) -> None:
    if (kind, command) == ("databases", "console"):
        pytest.skip("the console starts: its pages say what cannot be read")
    home = broken_home(tmp_path, kind)
    before = contents(home)
    done = leadscore(home, command, *(["--port", "0"] if command == "console" else []))
    assert done.returncode in (2, 3)
    (line,) = done.stderr.splitlines()
    assert any(f"[{rule}] " in line for rule in RULES[kind]), line
    assert contents(home) == before


@pytest.mark.parametrize("kind", RULES)
def test_a_notebook_is_told_the_same(tmp_path: Path, kind: str) -> None:
    home = broken_home(tmp_path, kind)
    with pytest.raises(LeadscoreError) as refused:
        product.open(home).leads()
    assert refused.value.rule in RULES[kind]
    assert refused.value.todo


def contents(home: Path) -> set[str]:
    return {str(path) for path in home.rglob("*")} if home.is_dir() else set()
