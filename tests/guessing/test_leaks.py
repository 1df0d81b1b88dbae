"""Columns that know the outcome are named; those that are merely strong, or of chance, are not."""

import random

import numpy as np
import pytest
from scipy import stats

from signals.guessing.column_names import late_by_name
from signals.guessing.leak_evidence import at_least, leaks

ROWS = 2_000


def world(seed: int, rate: float = 0.2) -> tuple[random.Random, list[bool]]:
    draw = random.Random(seed)
    return draw, [draw.random() < rate for _ in range(ROWS)]


@pytest.mark.parametrize(("both", "drawn", "marked", "count"), [
    (3, 3, 5, 10), (0, 4, 2, 9), (40, 45, 300, 1_000), (12, 90, 60, 700),
])  # fmt: skip
def test_the_tail_is_the_hypergeometric_one(both: int, drawn: int, marked: int, count: int) -> None:
    exact = stats.hypergeom.sf(both - 1, count, marked, drawn)
    assert at_least(both, drawn, marked, count) == pytest.approx(exact, rel=1e-9)


def test_filled_in_for_winners_alone() -> None:
    draw, won = world(1)
    cells = ["x" if end and draw.random() < 0.5 else "" for end in won]
    (leak,) = leaks({"Contract": cells}, won, [False] * ROWS)
    assert (leak.column, leak.rule) == ("Contract", "presence")


def test_filled_in_for_losers_alone() -> None:
    draw, won = world(2)
    lost = [not end and draw.random() < 0.5 for end in won]
    cells = ["price" if end else "" for end in lost]
    (leak,) = leaks({"Why": cells}, won, lost)
    assert "lost" in leak.why


def test_values_that_settle_it_both_ways() -> None:
    draw, won = world(3)
    cells = [
        ("hot" if end else "dead") if draw.random() < 0.3 else draw.choice("abc") for end in won
    ]
    (leak,) = leaks({"Temper": cells}, won, [False] * ROWS)
    assert leak.rule == "settled"


def test_an_honest_and_strong_column_is_none() -> None:
    draw, won = world(4)
    strong = [draw.choice("aab" if end else "abbbbb") for end in won]
    sparse = ["x" if draw.random() < (0.6 if end else 0.1) else "" for end in won]
    assert leaks({"strong": strong, "sparse": sparse}, won, [False] * ROWS) == []


def test_few_rows_prove_nothing() -> None:
    won = [True, True, False, False] * 3
    cells = ["x" if i < 2 else "" for i in range(12)]
    assert leaks({"rare": cells}, won, [False] * 12) == []


def test_chance_is_seldom_taken_for_a_leak() -> None:
    """Of 400 files whose 20 columns have nothing to do with the outcome, hardly one has a leak."""
    draw = np.random.default_rng(0)
    named = 0
    for _ in range(400):
        won = draw.random(120) < 0.3
        columns = {
            f"c{k}": ["x" if filled else "" for filled in draw.random(120) < draw.random() / 4]
            for k in range(20)
        }
        named += bool(leaks(columns, won.tolist(), [False] * 120))
    assert named <= 400 * 0.01 + 3


@pytest.mark.parametrize("name", [
    "Last Activity", "Lost Reason", "Amount", "Deal Stage", "LeadScore", "Lead Quality", "Tags",
    "Closed By", "days_in_stage", "Next Step",
])  # fmt: skip
def test_names_of_what_comes_late(name: str) -> None:
    assert late_by_name(name)


@pytest.mark.parametrize("name", [
    "Lead Source", "Country", "Industry", "Annual Revenue", "No. of Employees", "TotalVisits",
    "Specialization", "Job Title",
])  # fmt: skip
def test_names_of_what_is_known_at_first(name: str) -> None:
    assert not late_by_name(name)
