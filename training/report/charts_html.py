"""Charts as one interactive page, which needs no network."""

from collections.abc import Iterable
from typing import Any

from training.report.charts import Chart, ChartLine
from training.report.charts_png import BLUE, GREY, OTHERS

HEIGHT, BAR = 430, 24


def figures_html(charts: Iterable[Chart]) -> str:
    """The charts as one piece of HTML with its script; to be put into a page's body."""
    parts, script = [], True
    for chart in charts:
        # once a page holds plotly's script, the other charts use it
        parts.append(
            _figure(chart).to_html(full_html=False, include_plotlyjs=script, div_id=chart.name)
        )
        script = False
    return "\n".join(parts)


def _figure(chart: Chart) -> Any:
    import plotly.graph_objects as go

    bars = chart.kind == "bars"
    figure, colours = go.Figure(), iter(OTHERS)
    for line in chart.lines:
        colour = GREY if line.reference else BLUE
        if not line.reference and line.name != "this version" and not bars:
            colour = next(colours, GREY)
        for trace in _bars(line) if bars else _traces(chart, line, colour):
            figure.add_trace(trace)
    rows = len(chart.lines[0].x) if bars else 0
    figure.update_layout(
        title={"text": chart.title, "font": {"size": 17}},
        template="plotly_white",
        height=max(260, 130 + BAR * rows) if bars else HEIGHT,
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
        hovermode="closest" if bars else "x unified",
        xaxis={"title": chart.x, "tickformat": ".0%" if "x" in chart.percent else ""},
        yaxis={"title": chart.y, "tickformat": ".0%" if "y" in chart.percent else ""},
        showlegend=not bars,
    )
    if bars:
        figure.update_yaxes(autorange="reversed", automargin=True)
    if chart.kind == "points":
        figure.update_xaxes(type="category")
    return figure


def _traces(chart: Chart, line: ChartLine, colour: str) -> list[Any]:
    import plotly.graph_objects as go

    drawn = {"color": colour, "dash": "dash" if line.reference else "solid"}
    points = chart.kind == "points" and not line.reference
    few = len(line.low) and len(line.x) <= 20
    whiskers = _whiskers(line) if few else None
    mode = "markers" if points else "lines+markers" if few else "lines"
    main = go.Scatter(
        x=list(line.x), y=list(line.y), name=line.name, mode=mode, line=drawn, error_y=whiskers
    )
    if few or not len(line.low):
        return [main]
    return [_edge(line.x, line.high, colour), _edge(line.x, line.low, colour, fill=True), main]


def _edge(x: Any, y: Any, colour: str, *, fill: bool = False) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="lines",
        line={"width": 0, "color": colour},
        fill="tonexty" if fill else None,
        fillcolor="rgba(31, 95, 168, 0.15)",
        hoverinfo="skip",
        showlegend=False,
    )


def _bars(line: ChartLine) -> list[Any]:
    import plotly.graph_objects as go

    x, y = list(line.y), list(line.x)
    if not len(line.low):
        return [go.Bar(x=x, y=y, orientation="h", marker={"color": BLUE})]
    marks = {"color": BLUE, "size": 10}
    return [go.Scatter(x=x, y=y, mode="markers", marker=marks, error_x=_whiskers(line))]


def _whiskers(line: ChartLine) -> dict[str, Any]:
    above = [high - y for y, high in zip(line.y, line.high, strict=True)]
    below = [y - low for y, low in zip(line.y, line.low, strict=True)]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
