"""A try that is ended half-way leaves a home that the next one begins anew."""

import subprocess
import sys
from pathlib import Path

from jobs.decisions.try_files import MARK, fresh_home
from tests.conftest import ROOT
from tests.guessing.test_try import export
from tests.waiting import until


def test_one_that_is_killed_half_way_is_begun_anew(tmp_path: Path) -> None:
    path, home = export(tmp_path / "leads.csv"), tmp_path / "tried"
    words = ["try", str(path), "--yes", "--home", str(home), "--no-open"]
    begun = subprocess.Popen(
        [sys.executable, "-m", "leadscore", *words], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    until((home / "signals.db").exists)
    begun.kill()
    assert begun.wait() < 0
    settings = fresh_home(home)
    assert sorted(one.name for one in home.iterdir()) == ["settings.yaml", MARK]
    assert not settings.definition_file.exists()
