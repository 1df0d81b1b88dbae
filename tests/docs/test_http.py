"""The page of calls by example does what it says, against a running service."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from serving.supervisor import running
from tests.conftest import ROOT
from tests.docs.pages import filled

ADDRESS = "http://127.0.0.1:3000"


def test_the_page_comes_out_as_it_is_printed(
    own_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "http.md").read_text()
    own_audit(own_home)
    monkeypatch.setenv("LEADSCORE_HOME", str(own_home.home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with running(own_home) as url:
        said = filled(page.replace(ADDRESS, url), tmp_path, monkeypatch)
    assert said.replace(url, ADDRESS) == page


def own_audit(home: Settings) -> None:
    """Forget decisions that other tests made of the trained home."""
    for path in home.home.glob("audit.db*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
