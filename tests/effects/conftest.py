"""A database of effects, in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.effects.queues import opened


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'workflow.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    made = opened(url)
    yield made
    made.dispose()
