"""The page of coverage says what coverage.py measured."""

from typing import Any

from tests.docs.coverage_page import LEAST, page_of


def summary(lines: int, branches: int) -> dict[str, Any]:
    """Of ten statements and four branches."""
    held = {"covered_lines": lines, "num_statements": 10}
    return {"summary": {**held, "covered_branches": branches, "num_branches": 4}}


def test_the_figure_is_of_branches_and_the_least_covered_come_first() -> None:
    files = {f"room/f{n:02}.py": summary(10, 4) for n in range(LEAST)}
    files |= {"room/worse.py": summary(5, 1), "room/worst.py": summary(0, 0)}
    totals = {
        "covered_lines": 205,
        "num_statements": 220,
        "covered_branches": 81,
        "num_branches": 88,
    }
    page = page_of({"files": files, "totals": totals})
    assert "Branches: **92.0%** (81 of 88)." in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == LEAST
    assert rows[0] == "| `room/worst.py` | 0% | 0 of 10 | 0 of 4 |"
    assert rows[1] == "| `room/worse.py` | 43% | 5 of 10 | 1 of 4 |"
    assert "f19" not in page


def test_a_file_without_anything_to_run_is_covered() -> None:
    empty = {"covered_lines": 0, "num_statements": 0, "covered_branches": 0, "num_branches": 0}
    files = {"room/__init__.py": {"summary": empty}, "room/one.py": summary(10, 3)}
    page = page_of({"files": files, "totals": summary(10, 3)["summary"]})
    assert page.index("one.py` | 93%") < page.index("__init__.py` | 100%")
