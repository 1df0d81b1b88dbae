"""Fixtures that benchmarks borrow from the rooms' own tests, and the table at their end."""

from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.bars import bars_of, table
from tests.decisions.conftest import (  # noqa: F401
    database,
    make_engine,
    make_record,
    policies,
    standard,
    trail,
)

FILE = Path(".benchmarks") / "bars.json"
"""The table as JSON, beside what the benchmark library keeps."""


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the bars of this run, and write them as JSON."""
    session = getattr(config, "_benchmarksession", None)
    bars = bars_of(session.benchmarks) if session is not None else []
    if not bars:
        return
    terminalreporter.section("bars")
    for line in table(bars):
        terminalreporter.write_line(line)
    path = config.rootpath / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(bars)))
    terminalreporter.write_line(f"as JSON: {FILE}")
