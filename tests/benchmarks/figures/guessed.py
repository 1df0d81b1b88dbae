"""How good a version is whose mapping and training were guessed, beside the hand-written ones.

`python -m tests.benchmarks.figures.guessed` runs `leadscore try` on each data set as a user does,
and writes the table of `docs/your-own-data.md` anew. The hand-written figures are those of
`docs/figures.md`, which `make figures` measures.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings, quiet_libraries
from tests.conftest import ROOT, data_folder
from tests.examples.conftest import FILES
from wiring.registry import open_registry

PAGE, FIGURES = ROOT / "docs" / "your-own-data.md", ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
NAMES = ("x_education", "olist")
MOST = 0.01
"""How far the AUROC of a guessed mapping may lie below that of the hand-written one."""

HEAD = """| data | AUROC, guessed | by hand | difference | processor time | elapsed | load |
|---|---:|---:|---:|---:|---:|---:|
"""


class Guessed(NamedTuple):
    """A data set from file to ranking: AUROC with its interval, seconds."""

    name: str
    auroc: str
    value: float
    processor_s: float
    elapsed_s: float
    load: float


def guessed(name: str, folder: Path) -> Guessed:
    """Run `leadscore try` on a data set's files in a home of its own."""
    files = [str(data_folder() / name / file) for file in FILES[name]]
    home = folder / name
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = ["try", *files, "--yes", "--no-open", "--home", str(home)]
    command = [sys.executable, "-m", "leadscore", *words]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    elapsed = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (version,) = open_registry(Settings(home=home)).versions()
    auroc = version.metrics["auroc"]
    shown = f"{auroc.value:.3f} ({auroc.low:.3f} to {auroc.high:.3f})"
    return Guessed(name, shown, auroc.value, processor, elapsed, os.getloadavg()[2])


def by_hand(name: str) -> str:
    """The AUROC of the hand-written mapping, as `make figures` measured it."""
    line = re.search(rf"^\| {name} \| [^|]* \| ([^|]*) \|", FIGURES.read_text(), re.MULTILINE)
    return line[1] if line else ""


def difference(one: Guessed) -> float:
    """The AUROC less that of the hand-written mapping."""
    return one.value - float(by_hand(one.name).split()[0])


def line(one: Guessed) -> str:
    """A data set's line of the table."""
    cells = [
        one.name,
        one.auroc,
        by_hand(one.name),
        f"{difference(one):+.3f}",
        f"{one.processor_s:.0f} s",
        f"{one.elapsed_s:.0f} s",
        f"{one.load:.0f}",
    ]
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    quiet_libraries()
    with tempfile.TemporaryDirectory() as folder:
        results = [guessed(name, Path(folder)) for name in NAMES]
    lines = [line(one) for one in results]
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    PAGE.write_text(head + BEGIN + HEAD + "".join(lines) + END + rest.split(END)[1])
    worse = [one.name for one in results if difference(one) < -MOST]
    if worse:
        sys.exit(f"more than {MOST} below the mapping by hand: {', '.join(worse)}")


if __name__ == "__main__":
    main()
