"""A workflow as an SVG picture: states in columns by their distance from the first, no script."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import NamedTuple

from workflow.chart.statechart import Statechart
from workflow.drawing.edges import DiagramEdge, edges, ranks

WIDTH, HEIGHT = 190, 64
GAP_X, GAP_Y, MARGIN = 130, 54, 24
_STYLE = """
  .state { fill: #f5f7fa; stroke: #3a4a5e; stroke-width: 1.5 }
  .final { fill: #e3efe6; stroke-width: 3 }
  .edge { fill: none; stroke: #8593a5; stroke-width: 1.2 }
  .edge:hover { stroke: #b3261e; stroke-width: 2.5 }
  text { font: 13px system-ui, sans-serif; fill: #1d2733 }
  .name { font-weight: 600 } .small { font-size: 10px; fill: #4d5b6b }
"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#8593a5"/></marker></defs>'
)


class Box(NamedTuple):
    """Where a state stands."""

    x: float
    y: float


def svg(chart: Statechart) -> str:
    """The picture of a chart; names of transitions show where the pointer rests on an edge."""
    boxes = _boxes(chart)
    width = max(box.x for box in boxes.values()) + WIDTH + MARGIN
    height = max(box.y for box in boxes.values()) + HEIGHT + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'role="img" aria-label="{escape(f"Workflow {chart.label}")}">'
    )
    lines = [
        head,
        f"<style>{_STYLE}</style>",
        _TIP,
        *(_edge(edge, boxes) for edge in edges(chart)),
        *(line for name, box in boxes.items() for line in _state(chart, name, box)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _boxes(chart: Statechart) -> dict[str, Box]:
    columns: dict[int, list[str]] = {}
    for state, rank in ranks(chart).items():
        columns.setdefault(rank, []).append(state)
    most = max(map(len, columns.values()))
    boxes: dict[str, Box] = {}
    for place, rank in enumerate(sorted(columns)):
        first = (most - len(columns[rank])) / 2
        for row, state in enumerate(columns[rank]):
            x = MARGIN + place * (WIDTH + GAP_X)
            boxes[state] = Box(x, MARGIN + (first + row) * (HEIGHT + GAP_Y))
    return boxes


def _state(chart: Statechart, name: str, box: Box) -> Iterator[str]:
    state = chart.states[name]
    kind = "state final" if state.final else "state"
    yield f"<g><title>{escape(_title(chart, name))}</title>"
    yield (
        f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" width="{WIDTH}" height="{HEIGHT}" '
        'rx="10"/>'
    )
    middle = box.x + WIDTH / 2
    yield f'<text class="name" text-anchor="middle" x="{middle:g}" y="{box.y + 22:g}">{name}</text>'
    for at, text in enumerate(_parts(state.text)):
        yield (
            f'<text class="small" text-anchor="middle" x="{middle:g}" '
            f'y="{box.y + 38 + 12 * at:g}">{escape(text)}</text>'
        )
    yield "</g>"


def _parts(text: str) -> list[str]:
    """A text in two lines at most, broken between words."""
    if len(text) <= 32:
        return [text] if text else []
    place = text.rfind(" ", 0, 33)
    first, rest = (text[:place], text[place + 1 :]) if place > 0 else (text[:32], text[32:])
    return [first, rest if len(rest) <= 34 else f"{rest[:33]}…"]


def _title(chart: Statechart, name: str) -> str:
    state = chart.states[name]
    timers = [f"{event} after {timer}" for event, timer in state.timers.items()]
    return "; ".join([f"{name}: {state.text}" if state.text else name, *timers])


def _edge(edge: DiagramEdge, boxes: Mapping[str, Box]) -> str:
    begin, end = boxes[edge.begin], boxes[edge.end]
    title = escape(f"{edge.begin} to {edge.end}: {'; '.join(edge.labels)}")
    return (
        f'<path class="edge" d="{_curve(begin, end)}" marker-end="url(#tip)">'
        f"<title>{title}</title></path>"
    )


def _curve(begin: Box, end: Box) -> str:
    """From the right of one box to the left of another; back and within a column, by a bow."""
    y1, y2 = begin.y + HEIGHT / 2, end.y + HEIGHT / 2
    if end.x > begin.x:
        x1, x2 = begin.x + WIDTH, end.x
        bend = max((x2 - x1) / 2, 30)
        return f"M{x1:g} {y1:g} C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
    if end.x == begin.x:
        side, out = begin.x + WIDTH, begin.x + WIDTH + 46
        return f"M{side:g} {y1:g} C{out:g} {y1:g} {out:g} {y2:g} {side:g} {y2:g}"
    x1, x2 = begin.x + WIDTH / 2, end.x + WIDTH / 2
    top1, top2 = begin.y + HEIGHT, end.y + HEIGHT
    bow = max(top1, top2) + 34
    return f"M{x1:g} {top1:g} C{x1:g} {bow:g} {x2:g} {bow:g} {x2:g} {top2:g}"
