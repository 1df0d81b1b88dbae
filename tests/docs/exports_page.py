"""The table of exports on `docs/your-own-data.md`, as it comes out now.

Each fixture of `tests/guessing/exports` is proposed a mapping, and the mapping is tried on all of
its rows. To write the table anew: `python -m tests.docs.exports_page`.
"""

from collections.abc import Iterator

from jobs.signals.propose_mapping import FileTrial, Proposal, propose, tried
from signals.guessing.questions import Answers, take_guess
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "your-own-data.md"
FIXTURES = sorted((ROOT / "tests" / "guessing" / "exports").iterdir())
BEGIN, END = "<!-- exports: begin -->\n", "<!-- exports: end -->\n"
HEAD = """| export | fixture | rows | become events | refused, by rule | events |
|---|---|---:|---:|---|---|
"""


def proposals() -> Iterator[Proposal]:
    """What each fixture is proposed."""
    for path in FIXTURES:
        yield propose([str(path)], Answers(), take_guess)


def filled(page: str) -> str:
    """The page with its table as it comes out now."""
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    lines = []
    for proposal in proposals():
        (trial,) = tried(proposal)
        lines.append((proposal.tables[0].export, line(proposal, trial)))
    return head + BEGIN + HEAD + "".join(text for _, text in sorted(lines)) + END + tail


def line(proposal: Proposal, trial: FileTrial) -> str:
    """An export's line."""
    refused = ", ".join(f"{count} `{rule}`" for rule, count in trial.refused.items()) or "none"
    name = proposal.mapping.file.name
    events = ", ".join(
        f"{count} `{kind.removeprefix(name + '.')}`" for kind, count in sorted(trial.events.items())
    )
    cells = [
        proposal.tables[0].export,
        f"`{trial.file}`",
        str(trial.rows),
        str(trial.accepted),
        refused,
        events,
    ]
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
