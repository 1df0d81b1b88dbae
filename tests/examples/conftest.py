"""The real data sets, each ingested once by the command line, two at a time.

Of the wholesaler's invoices only the first lines are read here: who bought when is in them. All
half a million lines are mapped in tests/signals and run through the bus in tests/soak.
"""

import csv
import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.signals import Counts
from tests.conftest import ROOT, data_folder

FILES = {
    "olist": (
        "olist_marketing_qualified_leads_dataset.csv",
        "olist_closed_deals_dataset.csv",
    ),
    "x_education": ("Leads.csv",),
    "bpi2012": ("bpi2012_events.csv.gz",),
    "online_retail": ("online_retail.csv.gz",),
}
"""What the folder of the data holds, by data set: the quickest to ingest first."""


@dataclass(frozen=True)
class Home:
    """A home with one data set ingested, and what became of each file."""

    name: str
    settings: Settings
    counts: dict[str, Counts]

    @property
    def example(self) -> Path:
        """The folder of its mapping and training configuration."""
        return ROOT / "examples" / self.name


Homes = Callable[[str], Home]


def _files(name: str) -> list[Path]:
    return [data_folder() / name / file for file in FILES[name]]


def _first_lines(whole: Path, folder: Path) -> Path:
    """A file of the same name with the first line of each invoice."""
    written = folder / whole.name
    with (
        gzip.open(whole, "rt", newline="", encoding="utf-8") as given,
        gzip.open(written, "wt", newline="", encoding="utf-8", compresslevel=1) as out,
    ):
        rows = csv.reader(given)
        header = next(rows)
        first = {row[0]: row for row in reversed([*rows])}
        csv.writer(out).writerows([header, *reversed(first.values())])
    return written


def _ingest(name: str, home: Path) -> Home:
    mapping = ROOT / "examples" / name / "mapping.yaml"
    files = _files(name)
    if name == "online_retail":
        home.mkdir()
        files = [_first_lines(file, home) for file in files]
    asked = ["ingest", *map(str, files), "--mapping", str(mapping), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "leadscore", *asked],
        cwd=ROOT,
        env={**os.environ, "LEADSCORE_HOME": str(home), "LEADSCORE_CLOCK": "watermark"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = msgspec.json.decode(done.stdout, type=dict[str, Counts])
    settings = Settings(home=home, clock="watermark", policy="generic")
    return Home(name, settings, {Path(file).name: c for file, c in counts.items()})


@pytest.fixture(scope="session")
def homes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Homes]:
    """The home of a data set by its name; skips where its files are absent."""
    folder = tmp_path_factory.mktemp("examples")
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    running: dict[str, Future[Home]] = {}

    def home_of(name: str) -> Home:
        missing = [file.name for file in _files(name) if not file.is_file()]
        if missing:
            pytest.skip(f"the data set {name} is absent: no {', '.join(missing)}")
        return running[name].result()

    with ThreadPoolExecutor(2) as pool:
        for name in FILES:
            if name in wanted and all(file.is_file() for file in _files(name)):
                running[name] = pool.submit(_ingest, name, folder / name)
        yield home_of
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def olist(homes: Homes) -> Home:
    return homes("olist")


@pytest.fixture(scope="session")
def x_education(homes: Homes) -> Home:
    return homes("x_education")


@pytest.fixture(scope="session")
def bpi2012(homes: Homes) -> Home:
    return homes("bpi2012")


@pytest.fixture(scope="session")
def online_retail(homes: Homes) -> Home:
    return homes("online_retail")
