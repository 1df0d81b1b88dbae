"""Three million events from a file: an event costs what it cost at first, in bounded memory."""

from pathlib import Path
from typing import Any

import pytest

from simulation.scenarios import scenario
from simulation.simulator import simulate
from simulation.writer import write
from tests.soak.growth import calibration_s, taken_in

EVENTS, LEADS = 3_000_000, 33_200
EARLY, WARM = 140_000, 20_000
"""What is compared begins once everything is loaded."""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def test_three_million_events(tmp_path: Path, capsys: Any) -> None:
    written = write(simulate(LEADS, 4, scenario("steady")), tmp_path / "signals.jsonl")
    assert written.received == pytest.approx(EVENTS, rel=0.05)
    before = calibration_s()
    growth = taken_in(written.signals, tmp_path / "home")
    after = calibration_s()
    last = growth.marks[-1][0]
    assert last == written.received
    early, all_of_it = growth.cost_us(WARM, EARLY), growth.cost_us(WARM, last)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{last:,} events, push and all: {1e6 / all_of_it:,.0f}/s; an event cost "
            f"{all_of_it / early:.2f} times what it did up to {EARLY:,}; {growth.most_mib:.0f} MiB "
            f"at most, both processes; machine {before:.2f} s before, {after:.2f} s after"
        )
    assert all_of_it <= 1.3 * early
    assert growth.most_mib < 1024
