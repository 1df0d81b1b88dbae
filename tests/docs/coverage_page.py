"""Writes docs/coverage.md from what `make coverage` measured: the figure, and where it is lowest.

python -m tests.docs.coverage_page
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "coverage.md"
LEAST = 20
"""So many files are listed."""


class Covered(NamedTuple):
    """What tests reach: statements and branches, how many of how many."""

    name: str
    statements: tuple[int, int]
    branches: tuple[int, int]

    @property
    def percent(self) -> float:
        """The share of statements and branches together, as coverage.py reckons it."""
        of = self.statements[1] + self.branches[1]
        return 100.0 * (self.statements[0] + self.branches[0]) / of if of else 100.0


def covered(name: str, summary: dict[str, Any]) -> Covered:
    """One file's figures, or the total's, of coverage.py's JSON report."""
    return Covered(
        name,
        (summary["covered_lines"], summary["num_statements"]),
        (summary["covered_branches"], summary["num_branches"]),
    )


def page_of(report: dict[str, Any]) -> str:
    """The page of a JSON report of coverage.py."""
    total = covered("", report["totals"])
    files = [covered(name, file["summary"]) for name, file in report["files"].items()]
    least = sorted(files, key=lambda one: (one.percent, one.name))[:LEAST]
    rows = "\n".join(_row(one) for one in least)
    share = 100.0 * total.branches[0] / total.branches[1]
    return (
        "# Coverage\n\n"
        "What the tests reach, with the services and commands that they start. `make coverage` "
        "runs them and\nwrites this page.\n\n"
        f"Branches: **{share:.1f}%** ({total.branches[0]:,} of {total.branches[1]:,}). "
        f"Statements: {100.0 * total.statements[0] / total.statements[1]:.1f}% "
        f"({total.statements[0]:,} of {total.statements[1]:,}), in {len(files)} files.\n\n"
        f"The {len(least)} files that are covered least:\n\n"
        "| file | covered | statements | branches |\n|---|---|---|---|\n"
        f"{rows}\n"
    )


def _row(one: Covered) -> str:
    held = [f"{reached:,} of {of:,}" for reached, of in (one.statements, one.branches)]
    return f"| `{one.name}` | {one.percent:.0f}% | {' | '.join(held)} |"


def measured() -> dict[str, Any]:
    """The JSON report of the data that lies in the checkout. Fails where there is none."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "coverage.json"
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(out)],
            cwd=ROOT,
            check=True,
        )
        report: dict[str, Any] = json.loads(out.read_text())
    return report


if __name__ == "__main__":
    PAGE.write_text(page_of(measured()), encoding="utf-8")
