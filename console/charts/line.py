"""A line over time or over counts, with a band round it and levels across."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from console.charts.scale import AxisScale, padded, ticks
from console.charts.svg import chart, element

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 34
NEAR = 22
"""Levels nearer than that would be written over each other."""
MOST_DOTS = 60
"""Beyond so many points, the line is drawn without dots."""
Label = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class LinePoint:
    """A point of a line; `low` and `high` bound it, None where nothing does."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A value that the line is read against."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class _Scales:
    x: AxisScale
    y: AxisScale


def line_chart(
    title: str,
    description: str,
    points: Sequence[LinePoint],
    *,
    x_label: Label,
    y_label: Label,
    levels: Sequence[Level] = (),
    bounds: tuple[float, float] | None = None,
) -> Markup:
    """The chart. `bounds` are those of the vertical axis, else those of all that is drawn."""
    scales = _scales(points, levels, bounds)
    parts = [
        *_axis_y(scales, y_label),
        *_axis_x(scales, x_label),
        *_band(points, scales),
        *_levels(levels, scales),
        element("polyline", points=_path([(p.x, p.y) for p in points], scales), class_="line"),
        *_dots(points, scales),
    ]
    return chart(title, description, WIDTH, HEIGHT, parts)


def _scales(
    points: Sequence[LinePoint], levels: Sequence[Level], bounds: tuple[float, float] | None
) -> _Scales:
    xs = [p.x for p in points] or [0.0]
    ys = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    ys += [level.value for level in levels]
    low, high = bounds or padded(min(ys or [0.0]), max(ys or [1.0]))
    left, right = (min(xs), max(xs)) if min(xs) < max(xs) else (xs[0] - 1, xs[0] + 1)
    return _Scales(
        AxisScale(left, right, LEFT, WIDTH - RIGHT), AxisScale(low, high, HEIGHT - BOTTOM, TOP)
    )


def _path(pairs: Sequence[tuple[float, float]], scales: _Scales) -> str:
    return " ".join(f"{scales.x(x)},{scales.y(y)}" for x, y in pairs)


def _axis_y(scales: _Scales, label: Label) -> list[Markup]:
    parts = []
    for value in ticks(scales.y.low, scales.y.high):
        y = scales.y(value)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(
            element("text", label(value), x=LEFT - 8, y=y + 4, class_="tick", text_anchor="end")
        )
    return parts


def _axis_x(scales: _Scales, label: Label) -> list[Markup]:
    middle = (scales.x.low + scales.x.high) / 2
    ends = [(scales.x.low, "start"), (middle, "middle"), (scales.x.high, "end")]
    if label(scales.x.low) == label(scales.x.high):
        ends = ends[1:2]
    return [
        element(
            "text",
            label(value),
            x=scales.x(value),
            y=HEIGHT - 10,
            class_="tick",
            text_anchor=anchor,
        )
        for value, anchor in ends
    ]


def _band(points: Sequence[LinePoint], scales: _Scales) -> list[Markup]:
    bounded = [(p.x, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    if len(bounded) < 2:
        return []
    upper = [(x, high) for x, _, high in bounded]
    lower = [(x, low) for x, low, _ in reversed(bounded)]
    return [element("polygon", points=_path([*upper, *lower], scales), class_="band")]


def _levels(levels: Sequence[Level], scales: _Scales) -> list[Markup]:
    """Levels with their texts at the right; at the left where the one before is too near."""
    parts, before, anchor = list[Markup](), float("inf"), "start"
    for level in levels:
        y = scales.y(level.value)
        anchor = "start" if abs(y - before) < NEAR and anchor == "end" else "end"
        x, before = LEFT if anchor == "start" else WIDTH - RIGHT, y
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="level"))
        parts.append(element("text", level.text, x=x, y=y - 5, class_="note", text_anchor=anchor))
    return parts


def _dots(points: Sequence[LinePoint], scales: _Scales) -> list[Markup]:
    if len(points) > MOST_DOTS:
        points = points[-1:]
    return [
        element(
            "circle",
            element("title", p.text) if p.text else "",
            cx=scales.x(p.x),
            cy=scales.y(p.y),
            r=3.5,
            class_="dot",
        )
        for p in points
    ]
