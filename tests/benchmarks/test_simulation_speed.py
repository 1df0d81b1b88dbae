"""How fast simulated signals are made and written."""

from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from simulation.scenarios import SCENARIOS
from simulation.simulator import simulate
from simulation.writer import WrittenCounts, write


def test_simulate_and_write(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    def run() -> WrittenCounts:
        return write(simulate(1000, 1, SCENARIOS["steady"]), tmp_path / "out.jsonl")

    written: WrittenCounts = benchmark(run)
    benchmark.extra_info["signals"] = written.received
    if benchmark.stats is not None:
        best = benchmark.stats.stats.min
        benchmark.extra_info["signals_per_second"] = round(written.received / best)
