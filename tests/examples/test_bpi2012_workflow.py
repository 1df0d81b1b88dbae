"""A workflow drawn from the activities of BPI Challenge 2012, beside its 13,087 real traces."""

import csv
import gzip
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT
from workflow.conformance.drawn_chart import drawn_chart
from workflow.conformance.replayed_traces import conformance
from workflow.drawing.mermaid import mermaid
from workflow.proof.check import check

FILE = Path(os.environ.get("LEADSCORE_DATA", ROOT.parent / "shared" / "data"))
FILE = FILE / "bpi2012" / "bpi2012_events.csv.gz"
MADE = [["call", "offer", "won"]] * 60 + [["call", "lost"]] * 38 + [["offer", "call"]] * 2


def rows() -> Iterator[dict[str, str]]:
    with gzip.open(FILE, "rt", newline="") as lines:
        yield from csv.DictReader(lines)


@pytest.fixture(scope="module")
def traces() -> list[list[str]]:
    """What became of each application and its offers, in order."""
    if not FILE.is_file():
        pytest.skip("the data of BPI Challenge 2012 are not here")
    cases: dict[str, list[tuple[datetime, int, str]]] = {}
    for number, row in enumerate(rows()):
        if row["activity"][:2] in ("A_", "O_") and row["lifecycle"] == "COMPLETE":
            at = datetime.fromisoformat(row["timestamp"])
            cases.setdefault(row["case_id"], []).append((at, number, row["activity"]))
    return [[activity for _, _, activity in sorted(case)] for case in cases.values()]


def test_it_accepts_the_real_traces_and_says_which_not_and_why(traces: list[list[str]]) -> None:
    assert len(traces) == 13_087
    chart = drawn_chart(traces[: len(traces) * 7 // 10], "loans")
    assert check(chart).findings == ()
    assert "a_submitted --> a_partlysubmitted" in mermaid(chart)
    later = traces[len(traces) * 7 // 10 :]
    seen = conformance(chart, later)
    assert seen.accepted / seen.traces >= 0.98, "of traces that it was not drawn from"
    assert sum(reason.traces for reason in seen.rejections) == seen.traces - seen.accepted
    for reason in seen.rejections:
        assert not chart.transitions(reason.state, reason.event)
        for place in reason.examples:
            names = [activity.lower() for activity in later[place]]
            before = names[names.index(reason.event) - 1] if reason.state != "begun" else ""
            assert reason.event in names
            assert before == reason.state or names.count(reason.event) > 1 or not before


def test_what_is_rare_is_rejected_with_its_reason() -> None:
    chart = drawn_chart(MADE, "made", least_share=0.05)
    seen = conformance(chart, [*MADE, ["call", "call"], ["call", "offer", "cake"]])
    assert (seen.traces, seen.accepted) == (102, 98)
    told = {(r.state, r.event): (r.traces, r.known) for r in seen.rejections}
    assert told == {
        ("begun", "offer"): (2, True),
        ("call", "call"): (1, True),
        ("offer", "cake"): (1, False),
    }
    assert seen.rejections[0].examples == (98, 99)
