"""Reports as Markdown: data is no Markdown, and our own commands stay as they are written."""

import pytest

from monitoring.document import DocumentSection, DocumentTable, ReportDocument


def markdown(text: str) -> str:
    table = DocumentTable(("a",), ((text,),))
    section = DocumentSection(title="", paragraphs=(text,), table=table)
    return ReportDocument("t", (section,)).markdown()


def test_commands_stay_as_they_are_written() -> None:
    text = "start a holdout, `leadscore rollout start`, in queue a_b"
    assert markdown(text).splitlines()[2] == text.replace("_", "\\_")


@pytest.mark.parametrize(
    "data",
    ["`code`", "`leadscore <b>`", "``leadscore a``", "`leadscore a|b`", "`leadscore_x y`", "*a*"],
)
def test_data_is_no_markdown(data: str) -> None:
    cell = markdown(data).splitlines()[2]
    assert cell.replace("\\", "") == data
    for at, sign in enumerate(cell):
        assert sign not in "`*_<>|" or cell[at - 1] == "\\"
