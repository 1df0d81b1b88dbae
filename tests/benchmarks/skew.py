"""Leads in one account, beside as many leads with an account each: seconds and memory by size.

Run `python -m tests.benchmarks.skew 10000 30000 100000`. Each step runs in a process of its own;
its time is the processor's, not the clock's, so that a busy machine disturbs neither side.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple

from config.settings import Settings
from jobs.signals.ingest_files import ingest_files
from tests.benchmarks.test_dataset_speed import rows
from training.config import After, Every, FirstContact, TrainingConfig

FEW = 50
EVENTS = 3
RULES: dict[str, Every | After | FirstContact] = {
    "every": Every(days=30),
    "after": After(types=("web.page_viewed",), delay_hours=240),
    "first_contact": FirstContact(delay_hours=240),
}
LINE = (
    '{{"specversion":"1.0","id":"{i}-{k}","source":"s","type":"{kind}","time":"{at}",'
    '"identifiers":{{"crm_id":"L{i}","account_id":"A{account}"}},"data":{data}}}\n'
)


class Cost(NamedTuple):
    """What a step gave: rows, seconds of the processor, the most MiB held, children's too."""

    rows: int
    seconds: float
    mib: int


def write_signals(folder: Path, leads: int, accounts: int) -> Settings:
    """A file of so many leads' signals, and the home that they go into."""
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    folder.mkdir()
    with (folder / "s.jsonl").open("w") as out:
        for i in range(leads):
            for k in range(EVENTS):
                at = begin + timedelta(seconds=300 * 86_400 * i // leads, days=7 * k)
                told = at.isoformat().replace("+00:00", "Z")
                won = k == EVENTS - 1 and i % 7 == 0
                kind, data = (
                    ("crm.deal_won", "{}") if won else ("web.page_viewed", '{"page":"docs"}')
                )
                out.write(
                    LINE.format(i=i, k=k, at=told, kind=kind, account=i % accounts, data=data)
                )
    return Settings(home=folder / "home", clock="watermark")


def ingest(settings: Settings) -> int:
    """Take in the signals that were written beside a home."""
    ingest_files(settings, [str(settings.home.parent / "s.jsonl")], None, lambda _: None)
    return 0


def cost(step: Callable[[], int]) -> Cost:
    """Run a step in this process, which runs no other that counts."""

    def spent() -> float:
        used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    began = spent()
    count = step()
    held = sum(getrusage(who).ru_maxrss for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return Cost(count, spent() - began, held // 1024)


def apart(warm: Callable[[], int], step: Callable[[], int]) -> Cost:
    """What a step costs in a new process, after `warm` has loaded and compiled what it needs."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(warm).result()
        return pool.submit(cost, step).result()


def sides(folder: Path, leads: int) -> Iterator[tuple[str, Cost, Cost]]:
    """Each step's name, and what it costs for one account and for as many as leads."""
    few = [write_signals(folder / f"few{n}", FEW, 1) for n in range(2)]
    ingest(few[0])
    homes = [write_signals(folder / str(accounts), leads, accounts) for accounts in (1, leads)]
    one, many = [apart(partial(ingest, few[0]), partial(ingest, home)) for home in homes]
    yield "ingest", one, many
    for rule, cutoffs in RULES.items():
        config = TrainingConfig(cutoffs=cutoffs)
        warm = partial(rows, few[0], config)
        one, many = [apart(warm, partial(rows, home, config)) for home in homes]
        yield rule, one, many


def main(counts: list[int]) -> None:
    """Measure these numbers of leads, one after the other."""
    for leads in counts:
        with tempfile.TemporaryDirectory(prefix="skew-") as folder:
            for step, one, many in sides(Path(folder), leads):
                sys.stdout.write(
                    f"{leads:>9,} {step:14} {one.rows:>9,} rows  {one.seconds:6.1f} s beside "
                    f"{many.seconds:6.1f} s ({one.seconds / many.seconds:.2f}x)  {one.mib} MiB "
                    f"beside {many.mib} MiB ({one.mib / many.mib:.2f}x)\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10_000])
