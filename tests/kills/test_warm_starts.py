"""What is forked from the loading process is what would have been begun."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm_starts
from tests.conftest import SOAK
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    SOAK or warm_starts.PLACE not in os.environ, reason="processes are begun as users begin them"
)
COLD = {"PYTHONHASHSEED": "1"}
"""A variable that keeps a process from being forked."""


def run(folder: Path, *words: str, given: str = "", **said: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "leadscore", *words],
        cwd=folder,
        env={**os.environ, "LEADSCORE_HOME": str(folder / "home"), **said},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words", [("--version",), ("models", "list"), ("nothing",), ("ingest", "-"), ("ingest", "none")]
)
def test_it_says_and_returns_the_same(tmp_path: Path, words: tuple[str, ...]) -> None:
    cold = run(tmp_path, *words, **COLD)
    assert run(tmp_path, *words) == cold


def begun(folder: Path, **said: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "leadscore", "ingest", "-"],
        cwd=folder,
        env={**os.environ, "LEADSCORE_HOME": str(folder / "home"), **said},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_signals_end_it_and_its_group(tmp_path: Path, number: signal.Signals) -> None:
    process = begun(tmp_path)
    assert os.getpgid(process.pid) == process.pid
    assert Path(f"/proc/{process.pid}/cwd").resolve() == tmp_path
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode in (-number, 128 + number)
    assert process.poll() == process.returncode
    until(lambda: not Path(f"/proc/{process.pid}").exists(), 60)


def test_what_libraries_read_while_they_load_is_heeded(tmp_path: Path) -> None:
    for said, forked in (({}, True), (COLD, False)):
        process = begun(tmp_path, **said)
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert (b"warm_starts" in command) == forked
        process.kill()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
