"""The report on a million decisions of sixty features: how long it takes, and how much memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

DECISIONS, FEATURES = 1_000_000, 60
MOST_S, MOST_MIB = 60.0, 2_048.0
SMALL = 20_000


def measured(folder: Path, decisions: int) -> dict[str, float]:
    """What `tests.soak.long_trail` measures in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.soak.long_trail"]
    done = subprocess.run(
        [*command, str(folder), str(decisions)],
        cwd=ROOT,
        env={**os.environ, "DO_NOT_TRACK": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


@pytest.mark.soak
def test_a_million_decisions_take_a_minute_and_two_gibibytes(tmp_path: Path) -> None:
    figures = measured(tmp_path, DECISIONS)
    assert figures["decisions"] == DECISIONS
    assert figures["seconds"] <= MOST_S, figures
    assert figures["mib"] <= MOST_MIB, figures
    assert figures["page_bytes"] <= 10_000_000


@pytest.mark.slow
def test_few_decisions_have_exact_counts_and_a_small_page(tmp_path: Path) -> None:
    figures = measured(tmp_path, SMALL)
    assert figures["decisions"] == SMALL
    assert figures["matured"] == figures["matured_by_hand"]
    assert figures["positives"] == figures["positives_by_hand"]
    assert figures["lift"] == figures["lift_by_hand"]
    assert figures["page_bytes"] <= 10_000_000
    assert figures["mib"] <= MOST_MIB / 2
