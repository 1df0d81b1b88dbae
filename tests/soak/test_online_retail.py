"""Online Retail replayed through bus and worker day by day, and once more without a change."""

import csv
import gzip
import io
import time
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from config.settings import Settings
from domain.signals import Counts
from jobs.signals.ingest_files import found_home
from jobs.signals.publish_files import publish_files
from signals.mapping.mapping import load_mapping
from tests.conftest import ROOT, data_folder
from tests.servers import Process
from tests.soak.bus import waiting
from tests.soak.commands import begin, until
from tests.soak.snapshots import Snapshot, assert_same, assert_whole, snapshot

DATA = data_folder() / "online_retail" / "online_retail.csv.gz"
MAPPING = ROOT / "examples" / "online_retail" / "mapping.yaml"
LINES, NAMELESS, INVOICES, CUSTOMERS, DAYS = 541_909, 135_080, 25_900, 4_372, 305
FEW = 3
"""Days that the short form replays."""

INVOICE, CUSTOMER = 0, 6
Row = list[str]


@pytest.fixture
def settings(tmp_path: Path, own_nats: Process) -> Settings:
    if not DATA.is_file():
        pytest.skip(f"the data set is absent: no {DATA.name}")
    bus = f"nats://127.0.0.1:{own_nats.port}"
    return Settings(home=tmp_path / "home", clock="watermark", policy="generic", bus=bus)


def days() -> Iterator[tuple[Row, list[Row]]]:
    """The header, and the lines of each day with invoices, in order."""
    with gzip.open(DATA, "rt", newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream)
        header = next(rows)
        at = header.index("InvoiceDate")
        for _, lines in groupby(rows, key=lambda row: row[at][:10]):
            yield header, list(lines)


def written(folder: Path, most: int | None) -> tuple[list[Path], list[Row]]:
    """A file a day, as a shop would send them; and all lines."""
    files, told = [], []
    for number, (header, lines) in enumerate(islice(days(), most)):
        text = io.StringIO()
        csv.writer(text).writerows([header, *lines])
        path = folder / f"online_retail-{number:03}.csv"
        path.write_text(text.getvalue(), encoding="utf-8")
        files.append(path)
        told += lines
    return files, told


def replay(settings: Settings, files: list[Path]) -> Snapshot:
    """Publish day by day, each once the worker is done with the one before."""
    worker = begin(settings.environment(), "worker", "--mapping", str(MAPPING))
    for file in files:
        publish_files(settings, [str(file)], MAPPING, lambda _: None)
        until(lambda: waiting(settings.bus) == 0 or worker.ended() is not None)
    worker.tell(SIGTERM)
    assert worker.ended() == 0
    return snapshot(settings)


@pytest.mark.parametrize(
    "most",
    [
        FEW,
        pytest.param(None, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_day_by_day_and_once_more(
    settings: Settings, tmp_path: Path, most: int | None, capsys: Any
) -> None:
    files, told = written(tmp_path, most)
    found_home(settings, load_mapping(MAPPING))
    began = time.perf_counter()
    once = replay(settings, files)
    first_s = time.perf_counter() - began
    customers = {row[CUSTOMER] for row in told if row[CUSTOMER]}
    nameless = sum(not row[CUSTOMER] for row in told)
    assert_whole(once)
    assert once.totals == Counts(
        received=len(told),
        accepted=len(told) - nameless,
        quarantined=nameless,
    )
    assert len(once.leads) == len(customers)
    if most is None:
        invoices = {row[INVOICE] for row in told}
        found = (len(files), len(told), nameless, len(invoices), len(customers))
        assert found == (DAYS, LINES, NAMELESS, INVOICES, CUSTOMERS)
    twice = replay(settings, files)
    assert_whole(twice)
    assert_same(twice, once)
    assert twice.log == once.log
    assert twice.totals.duplicates == len(told)
    with capsys.disabled():
        seconds = f"{first_s:.0f} s, once more {time.perf_counter() - began - first_s:.0f} s"
        print(f"\n{len(told):,} lines of {len(files)} days: {seconds}")  # noqa: T201
