"""The rooms are what the lists say, and the lists are complete."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = sorted(p.parent.name for p in ROOT.glob("*/__init__.py"))
ONLY = {
    "domain": set(),
    "storage": {"domain"},
    "config": {"domain", "storage", "signals"},
    "telemetry": {"domain", "storage", "config"},
    "signals": {"domain", "storage"},
    "feature_repo": {"domain", "storage"},
    "measures": {"domain"},
    "training": {"domain", "storage", "measures", "feature_repo", "registry"},
    "registry": {"domain", "storage"},
    "scoring": {"domain", "storage", "feature_repo", "registry", "decisions"},
    "decisions": {"domain", "storage"},
    "monitoring": {"domain", "storage", "measures", "registry", "decisions"},
    "simulation": {"domain"},
    "workflow": {"domain", "storage", "decisions"},
}
VENDORS = {"mlflow", "feast", "catboost", "optuna", "evidently", "bentoml", "zen"}
MAY = {
    "feature_repo": {"feast"},
    "training": {"catboost", "optuna"},
    "registry": {"mlflow"},
    "scoring": {"catboost"},
    "decisions": {"zen"},
    "monitoring": {"evidently"},
    "serving": {"bentoml"},
}


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_every_package_is_on_every_list() -> None:
    tool = PROJECT["tool"]
    assert sorted(tool["importlinter"]["root_packages"]) == PACKAGES
    found = sorted(p.removesuffix("*") for p in tool["setuptools"]["packages"]["find"]["include"])
    assert found == PACKAGES
    siblings = next(c for c in tool["importlinter"]["contracts"] if c["type"] == "acyclic_siblings")
    assert sorted(siblings["ancestors"]) == PACKAGES
    others = ["leadscore_client", "tests"]
    assert sorted(PROJECT["tool"]["mypy"]["packages"]) == sorted([*PACKAGES, *others])


@pytest.mark.parametrize("room", ONLY)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        rooms = imports(path) & set(PACKAGES) - {room}
        assert rooms <= ONLY[room], f"{path.name} imports {rooms - ONLY[room]}"


@pytest.mark.parametrize("room", PACKAGES)
def test_a_room_knows_only_its_own_vendors(room: str) -> None:
    if room in ("wiring", "jobs", "leadscore"):
        return
    for path in (ROOT / room).rglob("*.py"):
        vendors = imports(path) & VENDORS
        assert vendors <= MAY.get(room, set()), f"{path.name} imports {vendors}"


def test_the_environment_is_read_in_one_place() -> None:
    reading = re.compile(r"os\.environ|os\.getenv")
    found = {
        path.relative_to(ROOT).as_posix()
        for room in PACKAGES
        for path in (ROOT / room).rglob("*.py")
        if reading.search(path.read_text())
    }
    # metric_files asks whether prometheus_client was told of a folder, by its own variable
    told = {"serving/supervisor.py", "serving/metrics/metric_files.py"}
    # secrets of channels and connectors: their files name the variables that hold them
    told.add("config/secret_places.py")
    assert found <= {"config/environment.py", "config/settings.py", *told}, found


def test_the_bento_holds_what_serving_imports() -> None:
    included = yaml.safe_load((ROOT / "bentofile.yaml").read_text())["include"]
    held = {pattern.split("/")[0] for pattern in included if pattern.endswith("/**")}
    needed, todo = set(), {"serving"}
    while todo:
        room = todo.pop()
        needed.add(room)
        allowed = ONLY.get(room, {"wiring", "scoring", "domain"})
        todo |= allowed - needed
    needed |= {"wiring", "signals", "config", "telemetry"}
    assert needed <= held, needed - held


def test_direct_dependencies_carry_floors() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        assert ">=" in line or line.startswith("leadscore["), line


def test_no_registry_address_stands_anywhere() -> None:
    address = re.compile(r"https?://[^\s\"']*(pypi|pythonhosted|npmjs|debian)", re.IGNORECASE)
    suffixes = {".py", ".toml", ".txt", ".md", ".yaml", ".yml", ".json", ".js", ".jsx", ""}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if (parts[0].startswith(".") and parts[0] != ".ci") or parts[0] == "build":
            continue
        if path.is_file() and path.suffix in suffixes:
            assert not address.search(path.read_text(errors="ignore")), path


LARGEST_ROOM = 20
"""Modules that one folder may hold, so that a stranger can read its list."""


def test_no_room_is_crowded() -> None:
    for package in PACKAGES:
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            modules = [p.name for p in folder.glob("*.py") if p.name != "__init__.py"]
            assert len(modules) <= LARGEST_ROOM, f"{folder.relative_to(ROOT)}: {len(modules)}"


def test_every_room_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            assert ast.get_docstring(ast.parse(path.read_text())), path.relative_to(ROOT)


def test_one_place_says_what_forked_processes_load() -> None:
    """A second one would take the place of the first, and every process would load all anew."""
    saying = re.compile(r"\.set_forkserver_preload\(")
    found = [p.name for p in (ROOT / "tests").rglob("*.py") if saying.search(p.read_text())]
    assert found == ["commands.py"]
