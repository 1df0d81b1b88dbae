"""One home for the tests of tools: a copy of the trained one, with leads that were scored."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from jobs.assistants.desk import ToolDesk
from tests.assistants.homes import after, created, ingested, scored
from tests.conftest import Trained
from wiring.serving import ServingRuntime, open_runtime

NAMES = [f"T-{number}" for number in range(8)]


@dataclass(frozen=True)
class Desk:
    """The desk of a home, what serves it, and leads that were scored."""

    settings: Settings
    runtime: ServingRuntime
    desk: ToolDesk
    leads: list[str]


@pytest.fixture(scope="session")
def desk(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home: Path = tmp_path_factory.mktemp("tools") / "home"
    shutil.copytree(trained.settings.home, home)
    settings = msgspec.structs.replace(trained.settings, home=home)
    runtime = open_runtime(settings)
    at = after(runtime)
    events = [
        created(name, at, country="DE", industry="software", employees=50, consent="granted")
        for name in NAMES
    ]
    ingested(settings, events)
    leads = scored(runtime, NAMES)
    assert len(leads) == len(NAMES)
    yield Desk(settings, runtime, ToolDesk(settings, lambda: runtime), leads)
    runtime.close()


@pytest.fixture
def own_desk(desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    """A desk on a home of one test's own: a copy of the shared one.

    Another process copies: this one would give up SQLite's locks of the files that it closes, and
    whoever else opens the shared home would take its write-ahead log away.
    """
    home = tmp_path / "home"
    subprocess.run(["cp", "-a", str(desk.settings.home), str(home)], check=True)
    settings = msgspec.structs.replace(desk.settings, home=home)
    runtime = open_runtime(settings)
    yield Desk(settings, runtime, ToolDesk(settings, lambda: runtime), desk.leads)
    runtime.close()
