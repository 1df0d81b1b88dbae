"""Whatever a table holds, it gets a mapping that is read, or is refused by a rule of its own."""

import csv
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from jobs.signals.propose_mapping import propose, shown_events, tried
from signals.guessing.questions import Answers, take_guess
from training.config import read_config

NAMES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["id", "Lead ID", "created", "Date", "won", "Status", "Email", "Amount", "a: b # c", "- x",
         "null", "yes", "{x}", "1", "x" * 80, "Größe", "won_date", "event", "timestamp", "Phone"]
    ),
)  # fmt: skip
CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(
        ["1", "0", "yes", "no", "Won", "Lost", "2025-01-02", "31.12.2025", "01/02/2025", "1,5",
         "1.234", "a@b.de", "12 %", "", "", "n/a", "1700000000", "+49 30 1234567"]
    ),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A table with a column that tells the outcome, most often."""
    header = draw(st.lists(NAMES, min_size=1, max_size=6))
    width = len(header)
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=2, max_size=12))
    if draw(st.integers(0, 4)):
        header.append("Won?")
        for row in rows:
            row.append(draw(st.sampled_from(["yes", "no"])))
        rows[0][-1] = "yes"
    return [header, *rows]


@given(table=tables())
@example(table=[["id", "won"], ["1", "yes"], ["2", "no"]])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mapping_that_is_read_or_a_reason(tmp_path: Path, table: list[list[str]]) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(table)
    answers = Answers(outcome=table[0][-1].strip(), date_order="dmy", decimal=".")
    try:
        proposal = propose([str(path)], answers, take_guess)
    except BadInput as bad:
        refusal = str(bad)
        assert not refusal.startswith("mapping.yaml"), refusal
        assert "\n" not in refusal
        return
    (trial,) = tried(proposal)
    assert trial.rows == trial.accepted + sum(trial.refused.values())
    assert len({shown.line for shown in shown_events(proposal, proposal.tables[0])}) <= 10
    training = tmp_path / "training.yaml"
    training.write_text(proposal.training_text, encoding="utf-8")
    assert read_config(training).outcome == "won"
