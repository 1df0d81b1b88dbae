"""What killed processes leave in a home goes with the next start; what lives stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.home_definition import definition_of
from config.settings import Settings
from serving.metrics import metric_files
from storage.owned_folder import OLD_S, UNNAMED, owned_folder
from wiring.scratch_home import scratch_home
from wiring.tidying import tidy

HOLDS = (
    "import sys, time; from pathlib import Path; from config.settings import Settings;"
    "from wiring.scratch_home import scratch_home; from wiring.signals import definition_of;"
    "s = Settings(home=Path(sys.argv[1]));"
    "held = scratch_home(s, definition_of(s), 'training'); scratch = held.__enter__();"
    "print(scratch.home, flush=True); time.sleep(600)"
)


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds - 1
    os.utime(path, (then, then))


def test_a_killed_training_leaves_nothing_once_another_begins(own_home: Settings) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(own_home.home)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        left = Path(child.stdout.readline().strip())
        assert left.is_dir()
        assert tidy(own_home) == [], "its owner lives"
        child.send_signal(signal.SIGKILL)
        child.wait()
    with scratch_home(own_home, definition_of(own_home), "training") as scratch:
        assert not left.exists()
        assert scratch.home.is_dir()
    assert not scratch.home.exists()


def test_the_young_and_what_is_a_persons_stay(own_home: Settings) -> None:
    person = own_home.home / "policy-drafts1"
    person.mkdir()
    aged(person, 10 * OLD_S)
    with owned_folder(own_home.home, "training") as young:
        assert tidy(own_home) == []
        assert young.is_dir()
    assert person.is_dir()


def test_files_that_were_never_finished_go_after_a_day(own_home: Settings) -> None:
    old, new = own_home.home / "offline" / "leads.partial", own_home.home / "bundle.partial"
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"half")
    new.mkdir()
    unnamed, named_soon = (own_home.home / f"{UNNAMED}training-{n}" for n in "ab")
    unnamed.mkdir()
    named_soon.mkdir()
    aged(old, OLD_S)
    aged(unnamed, OLD_S)
    assert tidy(own_home) == [unnamed, old]
    assert named_soon.is_dir()
    assert new.is_dir()


def test_a_service_removes_what_one_before_it_had_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed between making its folder and locking it."""
    monkeypatch.setattr(metric_files, "MEMORY", tmp_path)
    left, young = (tmp_path / f"{UNNAMED}{metric_files.PREFIX}-{n}" for n in "ab")
    left.mkdir()
    young.mkdir()
    aged(left, OLD_S)
    with metric_files.metrics_folder() as folder:
        assert folder.parent == tmp_path
        assert not left.exists()
        assert young.is_dir()
