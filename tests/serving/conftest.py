"""One server over the runtime in memory, really running, for all tests of the session."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.launch import running
from wiring.settings import Settings


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("home")
    with running(Settings(home=home), service="tests.serving.double:Double") as base:
        yield base


@pytest.fixture(scope="session")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client
