"""The pages of deployment and the systemd units name what exists."""

import configparser
import re
import shlex
from pathlib import Path

import pytest
import typer

from config.environment import VARIABLES
from leadscore.cli import app
from tests.conftest import ROOT

PAGES = [
    ROOT / "deploy" / "README.md",
    *(ROOT / "docs" / f"{n}.md" for n in ("deploy-one-machine", "deploy-cluster", "observability")),
]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def commands() -> dict[str, set[str]]:
    """The command line's words: of each command those below it, and its options."""
    found: dict[str, set[str]] = {}
    root = typer.main.get_command(app)
    for name, command in getattr(root, "commands", {}).items():
        below = getattr(command, "commands", {})
        options = {o for c in (command, *below.values()) for p in c.params for o in p.opts}
        found[name] = options | set(below)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_settings_and_files_exist(page: Path) -> None:
    text = page.read_text()
    assert set(re.findall(r"LEADSCORE_[A-Z_]+", text)) <= {*VARIABLES, "LEADSCORE_NAME"}
    for path in re.findall(r"`((?:deploy|requirements|docs)/[\w./*-]+)`", text):
        assert list(ROOT.glob(path)), path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist(page: Path) -> None:
    known = commands()
    for name, rest in re.findall(r"(?:`|bin/|^)leadscore ([a-z]+)([^`\n]*)", page.read_text()):
        assert name in known, name
        words = rest.split()
        assert set(re.findall(r"--[a-z-]+", rest)) <= known[name] | {"--reason"}, rest
        if words and words[0].isalpha() and words[0].islower() and known[name]:
            assert words[0] in known[name] or name in {"bundle"}, (name, words[0])


@pytest.mark.parametrize("unit", UNITS, ids=lambda p: p.name)
def test_a_unit_starts_a_command_confined(unit: Path) -> None:
    read = configparser.RawConfigParser(strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(unit.read_text())
    assert read.sections() == ["Unit", "Service", "Install"]
    service = read["Service"]
    _, name, *flags = shlex.split(service["ExecStart"])
    assert {f for f in flags if f.startswith("--")} <= commands()[name]
    assert service["User"] != "root"
    for key, value in {
        "Restart": "always",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
    }.items():
        assert service[key] == value
    assert service["StateDirectory"].split()[0] == "leadscore"
    told = re.findall(r"^Environment=(\w+)=(.*)$", unit.read_text(), re.MULTILINE)
    assert {key for key, _ in told} <= set(VARIABLES)
    assert ("LEADSCORE_HOME", "/var/lib/leadscore") in told
    anchors = Path(dict(told)["LEADSCORE_ANCHORS"])
    assert str(anchors.parent) in {f"/var/lib/{n}" for n in service["StateDirectory"].split()[1:]}
    assert unit.name in unit.read_text()
