"""Small homes to operate in: a definition, a schedule, no leads; and the loop as a process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from config.settings import Settings
from tests.conftest import ROOT
from wiring.beginning_service import beginning_service
from wiring.signals import adopt

QUICK = {"every_minutes": 0.01, "limit_minutes": 2, "retries": 2, "backoff_minutes": 0}


def small_home(folder: Path, **jobs: Any) -> Settings:
    """A home of nobody, by the machine's clock, whose loop does these jobs."""
    settings = Settings(home=folder / "home")
    adopt(settings, beginning_service(settings))
    schedule(settings, **jobs)
    return settings


def schedule(settings: Settings, **said: Any) -> None:
    """Write the home's `operate.yaml`: jobs, and by their names what else stands in it."""
    others = ("retraining", "retention", "lease_seconds", "stop_seconds")
    top = {name: said.pop(f"{name}_") for name in (*others, "backup") if f"{name}_" in said}
    held = {"version": 1, "lease_seconds": 1, "stop_seconds": 5, "jobs": said, **top}
    (settings.home / "operate.yaml").write_text(yaml.safe_dump(held))


def environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, **settings.environment()}


def begun(settings: Settings, *words: str) -> "subprocess.Popen[str]":
    """The loop as a process of its own; what it says is read by whoever waits for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "leadscore", "operate", *words],
        env=environment(settings),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(settings: Settings, *words: str) -> "Iterator[subprocess.Popen[str]]":
    process = begun(settings, *words)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def once(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    process = begun(settings, "once", *words)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def status(settings: Settings) -> Any:
    process = begun(settings, "status", "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def jobs_of(settings: Settings) -> list[int]:
    """The processes that run a job of this home now."""
    found = []
    home = f"LEADSCORE_HOME={settings.home}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"run-job" in words and home in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found
