"""SVG in text: elements with their attributes escaped, and the frame that a chart stands in."""

from collections.abc import Iterable
from itertools import count

from markupsafe import Markup, escape

_numbers = count(1)


def element(name: str, content: str = "", **attributes: object) -> Markup:
    """One element; `_` in a name of an attribute is `-`, a last one is dropped; None is left out.

    >>> element("text", "a<b", x=1.25, class_="tick", text_anchor="end")
    Markup('<text x="1.25" class="tick" text-anchor="end">a&lt;b</text>')
    """
    pairs = (
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{''.join(pairs)}>{escape(content)}</{name}>")  # noqa: S704 escaped


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after another."""
    return Markup("").join(parts)


def chart(title: str, description: str, width: int, height: int, parts: Iterable[Markup]) -> Markup:
    """A whole chart. A screen reader reads its title and its description."""
    number = next(_numbers)
    named = f"chart-{number}-title", f"chart-{number}-text"
    head = [
        element("title", title, id=named[0]),
        element("desc", description, id=named[1]),
    ]
    return element(
        "svg",
        joined([*head, *parts]),
        class_="chart",
        role="img",
        aria_labelledby=" ".join(named),
        viewBox=f"0 0 {width} {height}",
        xmlns="http://www.w3.org/2000/svg",
    )


def _plain(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
