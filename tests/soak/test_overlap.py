"""Two processes ingest overlapping files into one home at once: as one after the other."""

from pathlib import Path

from config.settings import Settings
from simulation.scenarios import SCENARIOS
from simulation.simulator import simulate
from simulation.writer import write
from tests.soak.commands import begin, finish
from tests.soak.snapshots import assert_same, assert_whole, snapshot

PARTS = 12


def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    """Each reads two thirds of the parts, in orders that run against each other."""
    written = write(simulate(40, 9, SCENARIOS["identity"]), tmp_path / "all.jsonl")
    lines = written.signals.read_bytes().splitlines(keepends=True)
    parts = []
    for n in range(PARTS):
        path = tmp_path / f"part-{n:02}.jsonl"
        path.write_bytes(b"".join(lines[n::PARTS]))
        parts.append(str(path))
    some, others = parts[: 2 * PARTS // 3], parts[PARTS // 3 :][::-1]
    after, at_once = (Settings(home=tmp_path / name) for name in ("after", "at once"))
    for files in (some, others):
        finish(begin(after.environment(), "ingest", *files), after.environment())
    running = [begin(at_once.environment(), "ingest", *files) for files in (some, others)]
    for command in running:
        finish(command, at_once.environment())
    one, other = snapshot(after), snapshot(at_once)
    assert_whole(one)
    assert_whole(other)
    assert one.totals == other.totals
    assert one.totals.duplicates > written.received // 4
    assert_same(one, other)
