"""A workflow as the text of a Mermaid state diagram."""

from collections.abc import Iterator

from workflow.chart.statechart import Statechart
from workflow.drawing.edges import edges


def mermaid(chart: Statechart) -> str:
    """The text of a `stateDiagram-v2`, as Markdown pages and wikis draw it."""
    return "\n".join(_lines(chart)) + "\n"


def _lines(chart: Statechart) -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {chart.spec.initial}"
    for name, state in chart.states.items():
        if state.text:
            yield f"    {name}: {name}<br/>{_plain(state.text)}"
    for edge in edges(chart):
        yield f"    {edge.begin} --> {edge.end}: {_plain('<br/>'.join(edge.labels))}"
    for name, state in chart.states.items():
        if state.final:
            yield f"    {name} --> [*]"


def _plain(text: str) -> str:
    """A text without the signs that end a label of Mermaid."""
    return text.replace(";", ",").replace(":", " ").replace("#", " ").replace("\n", " ")
