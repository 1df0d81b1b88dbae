"""Who is who as a picture: identifiers on a circle, lines between those that came together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from console.charts.svg import chart, element

WIDTH, HEIGHT, RADIUS = 560, 300, 105
MOST = 24
"""Identifiers that are drawn; the table has all."""


@dataclass(frozen=True, slots=True)
class NetworkNode:
    """An identifier by its key; `apart` where it belongs to somebody else."""

    key: str
    text: str
    apart: bool = False


def network_chart(
    title: str, description: str, nodes: Sequence[NetworkNode], edges: Sequence[tuple[str, str]]
) -> Markup:
    """The picture; edges that end at none of the nodes are left out."""
    drawn = nodes[:MOST]
    places = {node.key: _place(i, len(drawn)) for i, node in enumerate(drawn)}
    parts = [
        element(
            "line",
            x1=places[a][0],
            y1=places[a][1],
            x2=places[b][0],
            y2=places[b][1],
            class_="edge",
        )
        for a, b in edges
        if a in places and b in places
    ]
    for node in drawn:
        parts += _node(node, *places[node.key])
    return chart(title, description, WIDTH, HEIGHT, parts)


def _place(at: int, of: int) -> tuple[float, float]:
    if of == 1:
        return WIDTH / 2, HEIGHT / 2
    angle = 2 * math.pi * at / of - math.pi / 2
    return (
        round(WIDTH / 2 + 1.6 * RADIUS * math.cos(angle), 1),
        round(HEIGHT / 2 + RADIUS * math.sin(angle), 1),
    )


def _node(node: NetworkNode, x: float, y: float) -> list[Markup]:
    kind = "node apart" if node.apart else "node"
    side = "start" if x >= WIDTH / 2 else "end"
    return [
        element("circle", cx=x, cy=y, r=7, class_=kind),
        element(
            "text",
            node.text,
            x=x + (12 if side == "start" else -12),
            y=y + 4,
            class_="name",
            text_anchor=side,
        ),
    ]
