"""Bars: a share of one, what speaks for and against, intervals beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from console.charts.scale import AxisScale, padded, ticks
from console.charts.svg import chart, element
from domain.measurement import Interval

WIDTH = 720
ROW = 26
NAMES = 190


def share_bar(share: float) -> Markup:
    """A small bar of a share in 0..1; its figure stands beside it, so readers pass it over."""
    filled = round(64 * min(max(share, 0.0), 1.0), 1)
    parts = element("rect", x=0, y=0, width=64, height=8, rx=2, class_="bar-rest") + element(
        "rect", x=0, y=0, width=filled, height=8, rx=2, class_="bar-part"
    )
    return element("svg", parts, class_="share", viewBox="0 0 64 8", aria_hidden="true")


def pull_bar(value: float, largest: float) -> Markup:
    """A small bar to the right for what speaks for, to the left for what speaks against."""
    length = round(60 * abs(value) / (largest or 1.0), 1)
    start = 60.0 if value > 0 else 60.0 - length
    kind = "pull-for" if value > 0 else "pull-against"
    parts = element("rect", x=start, y=0, width=length, height=10, rx=2, class_=kind)
    middle = element("line", x1=60, x2=60, y1=0, y2=10, class_="middle")
    return element("svg", parts + middle, class_="pull", viewBox="0 0 120 10", aria_hidden="true")


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One interval with its name; `marked` is drawn to be seen first."""

    name: str
    interval: Interval
    marked: bool = False


def interval_chart(title: str, description: str, rows: Sequence[IntervalRow]) -> Markup:
    """Values as dots with their intervals as lines, one under another, on one axis."""
    ends = [v for row in rows for v in (row.interval.low, row.interval.high, row.interval.value)]
    low, high = padded(min(ends), max(ends))
    x, bottom = AxisScale(low, high, NAMES, WIDTH - 20), ROW * len(rows) + 8
    parts: list[Markup] = []
    for value in ticks(low, high):
        at = x(value)
        parts.append(element("line", x1=at, x2=at, y1=4, y2=bottom, class_="grid"))
        parts.append(
            element("text", f"{value:g}", x=at, y=bottom + 18, class_="tick", text_anchor="middle")
        )
    for place, row in enumerate(rows):
        parts += _row(row, x, ROW * place + 20)
    return chart(title, description, WIDTH, bottom + 26, parts)


def _row(row: IntervalRow, x: AxisScale, y: int) -> list[Markup]:
    one, mark = row.interval, " marked" if row.marked else ""
    return [
        element("text", row.name, x=NAMES - 14, y=y + 4, class_="name", text_anchor="end"),
        element("line", x1=x(one.low), x2=x(one.high), y1=y, y2=y, class_=f"whisker{mark}"),
        element(
            "circle", element("title", str(one)), cx=x(one.value), cy=y, r=4.5, class_=f"dot{mark}"
        ),
    ]
