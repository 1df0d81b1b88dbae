"""Monthly reports of a real data set in time order: `docs/monthly-reports.md` and its pictures.

    make monthly

A version is trained on what was known at a moment. From then on each month's lines are ingested,
all leads are scored when a month begins, and reported on when it ends, by the commands of the
product. Then Evidently's own page is opened on the workspace, and photographed. Data is read where
`LEADSCORE_DATA` names it; nothing of it is kept.
"""

import csv
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.benchmarks.monthly.pictures import dashboard_picture, page_picture
from tests.commands import leadscore
from tests.conftest import ROOT, data_folder

PICTURES = ROOT / "docs" / "pictures"
PAGE = ROOT / "docs" / "monthly-reports.md"
TRIALS = 4
"""Trials of the search: enough for a version that its month's reports are on."""


@dataclass(frozen=True)
class Course:
    """A data set in time order: its file, the column of time, and the moments of its months.

    A version is trained on what came before the first moment; at each, all leads are scored; a
    report is made before the next. Moments are as the file writes them. Where `horizon_days` is
    given, a version is trained for that horizon, so that a month's decisions mature by the next,
    and on leads as they are scored here: all that are open on a day, not each at an age.
    """

    name: str
    file: str
    time: str
    moments: tuple[str, ...]
    horizon_days: int | None = None


COURSES = (
    Course(
        "online_retail",
        "online_retail.csv.gz",
        "InvoiceDate",
        ("2011-09-01", "2011-10-01", "2011-11-01", "2011-12-10"),
    ),
    Course(
        "bpi2012",
        "bpi2012_events.csv.gz",
        "timestamp",
        ("2012-01-11", "2012-02-11", "2012-03-15"),
        horizon_days=21,
    ),
)


def parts(course: Course, folder: Path) -> list[Path]:
    """The file cut at the moments: what came before each, and not before the one before it."""
    whole = data_folder() / course.name / course.file
    with gzip.open(whole, "rt", newline="", encoding="utf-8") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        at = header.index(course.time)
        names = [folder / f"{course.file.removesuffix('.csv.gz')}-{m}.csv" for m in course.moments]
        files = [name.open("w", newline="", encoding="utf-8") for name in names]
        writers = [csv.writer(file) for file in files]
        for writer in writers:
            writer.writerow(header)
        for row in reader:
            place = sum(row[at] >= moment for moment in course.moments)
            if place < len(writers):
                writers[place].writerow(row)
        for file in files:
            file.close()
    return names


def run(home: Path, *words: str) -> str:
    """A command that succeeds."""
    began = time.monotonic()
    answer = leadscore(home, *words)
    sys.stderr.write(f"{words[0]} {words[1][:40]}: {time.monotonic() - began:.0f} s\n")
    if answer.returncode:
        raise SystemExit(f"{words}: {answer.stderr[-2000:]}")
    return answer.stdout


def training(course: Course, trials: int, folder: Path) -> Path:
    """The example's configuration, with so many trials."""
    config = yaml.safe_load((ROOT / "examples" / course.name / "training.yaml").read_text())
    if course.horizon_days is not None:
        config |= {"horizon_days": course.horizon_days, "cutoffs": {"rule": "every", "days": 7}}
        config["split"] |= {"embargo_days": course.horizon_days}
    file = folder / "training.yaml"
    file.write_text(yaml.safe_dump(config | {"trials": trials}))
    return file


def reports(course: Course, trials: int, folder: Path) -> Iterator[dict[str, object]]:
    """What each month's report says."""
    home, mapping = folder / course.name, ROOT / "examples" / course.name / "mapping.yaml"
    first, *months = parts(course, folder)
    run(home, "ingest", str(first), "--mapping", str(mapping))
    run(home, "train", "--config", str(training(course, trials, folder)))
    run(home, "promote", "1", "--stage", "champion", "--reason", "in time order", "--override")
    for moment, file in zip(course.moments, months, strict=False):
        run(home, "score", "--all", "--out", str(folder / f"{moment}.parquet"))
        run(home, "ingest", str(file), "--mapping", str(mapping))
        yield json.loads(run(home, "monitor", "report", "--json"))
    page_picture(home / "reports", PICTURES / f"report-{course.name}-{course.moments[-2]}.png")
    dashboard_picture(home / "reports" / "workspace", PICTURES / f"dashboard-{course.name}.png")


def row(said: dict[str, object]) -> str:
    """A row of the page's table."""
    figures = {f["name"]: f for f in said["figures"] if f["by"] == "all"}  # type: ignore[attr-defined]

    def cell(name: str, form: str) -> str:
        return f"{figures[name]['value']:{form}}" if name in figures else "–"

    meta = said["meta"]
    cells = (
        f"{meta['made'][:10]}",  # type: ignore[index]
        f"{said['matured']:,} ({said['positives']:,})",
        cell("ConversionsByPrediction", ".2f"),
        cell("CalibrationError", ".3f"),
        cell("TopTenthLift", ".2f"),
        cell("ScoreMove", ".0%"),
        cell("DriftedShare", ".0%"),
        str(said["verdict"]),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Make the pictures, and the tables of the page."""
    os.environ["LEADSCORE_POLICY"] = "generic"
    PICTURES.mkdir(exist_ok=True)
    chosen = [course for course in COURSES if course.name in sys.argv[1:] or len(sys.argv) == 1]
    for course in chosen:
        with tempfile.TemporaryDirectory() as scratch:
            rows = [row(said) for said in reports(course, TRIALS, Path(scratch))]
        written = "\n".join(rows)
        before, _, rest = PAGE.read_text().partition(f"<!-- rows: {course.name} -->\n")
        _, _, after = rest.partition("<!-- end -->")
        PAGE.write_text(f"{before}<!-- rows: {course.name} -->\n{written}\n<!-- end -->{after}")


if __name__ == "__main__":
    if shutil.which("chromium") is None:
        raise SystemExit("chromium is not installed: it makes the pictures")
    main()
