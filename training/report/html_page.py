"""Markdown as a page of its own: one file, no network."""

from html import escape

from markdown_it import MarkdownIt

from domain.measurement import Interval

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1d2329; max-width: 60rem;
       margin: 2.5rem auto; padding: 0 1.25rem; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .6rem; }
h1 { margin-top: 0; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid #dfe3e8; }
th { border-bottom: 2px solid #b9c0c8; }
code { background: #f1f3f5; padding: .1rem .3rem; border-radius: .2rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
"""


def page(title: str, markdown: str, body: str = "") -> str:
    """An HTML page of a Markdown text, and of `body`, a piece of HTML, below it.

    HTML within the Markdown is shown as it stands, never taken as markup.
    """
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    rendered = renderer.render(markdown).replace("<table>", '<div class="wide"><table>')
    rendered = rendered.replace("</table>", "</table></div>")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{rendered}{body}\n</body>\n</html>\n"
    )


def percent(interval: Interval | None) -> str:
    """A share and its interval; a dash for none."""
    if interval is None:
        return "–"
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def table(headings: list[str], rows: list[list[str]]) -> str:
    r"""A Markdown table; all columns but the first are numbers, set to the right.

    >>> print(table(["a", "b"], [["x|y", "1"]]))
    | a | b |
    |:--|--:|
    | x\|y | 1 |
    """
    align = "|".join([":--", *["--:"] * (len(headings) - 1)])
    lines = [_row(headings), f"|{align}|", *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"
