"""Servers, really running, for all tests of the session: over the runtime in memory, and whole."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from config.settings import Settings
from serving.supervisor import running
from tests.conftest import Trained


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("home")
    with running(Settings(home=home), service="tests.serving.double:Double") as base:
        yield base


@pytest.fixture(scope="session")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def served_home(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the trained home that services of tests write to."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(trained.settings.home, home)
    return msgspec.structs.replace(trained.settings, home=home)


@pytest.fixture(scope="session")
def whole(served_home: Settings) -> Iterator[httpx.Client]:
    """The service itself, with a champion, on this machine alone."""
    with running(served_home) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client
