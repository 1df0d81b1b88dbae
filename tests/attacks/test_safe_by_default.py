"""What is installed as it ships lets no stranger in, and lies open to no other user."""

import configparser
import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from config import settings as settings_module
from config.environment import runs_as_service
from config.settings import Settings
from domain.errors import Missing
from serving.auth.api_key_store import open_keys
from serving.auth.factory import access_at, guard
from storage.files import private_folder
from tests.conftest import ROOT


async def nothing(_scope: object, _receive: object, _send: object) -> None:
    pass


def test_the_shipped_unit_asks_for_credentials() -> None:
    for unit in (ROOT / "deploy" / "systemd").glob("*.service"):
        parser = configparser.RawConfigParser(strict=False)
        parser.read(unit)
        assert parser["Service"]["UMask"] == "0077", unit
        assert parser["Service"]["StateDirectoryMode"] == "0700", unit
    unit = ROOT / "deploy" / "systemd" / "leadscore.service"
    assert "Environment=LEADSCORE_ACCESS=required" in unit.read_text()


def test_whatever_is_served_without_a_word_of_access_asks_for_credentials(tmp_path: Path) -> None:
    layer = guard(nothing, Settings(home=tmp_path))
    assert not layer._open_here
    layer.credentials.close()


def test_a_developers_serve_on_this_machine_needs_none(tmp_path: Path) -> None:
    here = Settings(home=tmp_path)
    assert access_at(here, "127.0.0.1") == "loopback"
    with pytest.raises(Missing, match="no live key"):
        access_at(here, "0.0.0.0")
    with pytest.raises(Missing):
        access_at(msgspec.structs.replace(here, access="required"), "127.0.0.1")


def test_a_service_managers_serve_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid()))
    here = Settings(home=tmp_path)
    with pytest.raises(Missing):
        access_at(here, "127.0.0.1")
    open_keys(here).create("tests", ["score"])
    assert access_at(here, "127.0.0.1") == "required"


def test_a_shell_within_a_service_is_none() -> None:
    assert not runs_as_service({"SYSTEMD_EXEC_PID": str(os.getppid()), "INVOCATION_ID": "x"})
    assert runs_as_service({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    home, events = tmp_path / "home", tmp_path / "events.jsonl"
    events.write_text(
        '{"id": "1", "source": "web", "type": "web.page_viewed", "time": "2026-03-01T12:00:00Z",'
        ' "identifiers": {"cookie": "c-1"}, "data": {"page": "pricing"}}\n'
    )
    command = f"umask 022; exec {sys.executable} -m leadscore ingest {events}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**os.environ, "LEADSCORE_HOME": str(home)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for path in (home, *home.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, (path.name, oct(mode))


def test_an_open_home_is_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    private_folder(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o750
    settings_module.write_home_settings(tmp_path / "new", clock="watermark")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
