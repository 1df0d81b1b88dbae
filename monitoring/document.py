"""A report of sections with tables, as Markdown, and as one HTML page that loads nothing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --accent: #2b6cb0; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .75rem 0; display: block; overflow-x: auto; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; } figcaption { font-size: .85rem; opacity: .8; }
"""
_NUMBER = re.compile(r"^[-+−]?[0-9][0-9.,%]*$|^–$")


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """Headings, and rows of as many cells."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """A heading, paragraphs, points, a table, and a picture: SVG with its caption, of HTML only."""

    title: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    table: DocumentTable | None = None
    picture: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A title and sections, the first of which may have no heading of its own."""

    title: str
    sections: tuple[DocumentSection, ...]

    def markdown(self) -> str:
        """As Markdown."""
        lines = [f"# {_flat(self.title)}", ""]
        for section in self.sections:
            lines += _markdown(section)
        return "\n".join(lines).rstrip() + "\n"

    def html(self) -> str:
        """As a page of HTML, without scripts and without anything from elsewhere."""
        body = "".join(part for section in self.sections for part in _html(section))
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head>"
            f"<body><h1>{escape(self.title)}</h1>{body}</body></html>\n"
        )


_COMMAND = re.compile(r"(?<!`)(`leadscore(?: [A-Za-z0-9-]+)+`)(?!`)")
"""A command of ours in backticks: it holds no sign that Markdown or HTML would take for its own."""


def _flat(text: str) -> str:
    """A text on one line, in which nothing is taken for Markdown's or HTML's own signs.

    Commands in backticks stay so.
    """
    parts = _COMMAND.split(" ".join(text.split()))
    return "".join(part if at % 2 else _escaped(part) for at, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def _markdown(section: DocumentSection) -> Iterator[str]:
    if section.title:
        yield from (f"## {_flat(section.title)}", "")
    for paragraph in section.paragraphs:
        yield from (_flat(paragraph), "")
    if section.points:
        yield from (*(f"- {_flat(point)}" for point in section.points), "")
    if section.table is not None and section.table.rows:
        yield _row(section.table.headings)
        yield "|" + "---|" * len(section.table.headings)
        yield from map(_row, section.table.rows)
        yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_flat, cells)) + " |"


def _html(section: DocumentSection) -> Iterator[str]:
    if section.title:
        yield f"<h2>{escape(section.title)}</h2>"
    yield from (f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs)
    if section.points:
        yield "<ul>" + "".join(f"<li>{escape(point)}</li>" for point in section.points) + "</ul>"
    if section.picture:
        caption = f"<figcaption>{escape(section.caption)}</figcaption>"
        yield f"<figure>{section.picture}{caption}</figure>"
    if section.table is not None and section.table.rows:
        yield from _table(section.table)


def _table(table: DocumentTable) -> Iterator[str]:
    right = [all(_NUMBER.match(row[at]) for row in table.rows) for at in range(len(table.headings))]
    kinds = [' class="n"' if one else "" for one in right]
    head = "".join(
        f"<th scope='col'{kind}>{escape(cell)}</th>"
        for kind, cell in zip(kinds, table.headings, strict=True)
    )
    yield f"<table><thead><tr>{head}</tr></thead><tbody>"
    for row in table.rows:
        cells = (f"<td{k}>{escape(cell)}</td>" for k, cell in zip(kinds, row, strict=True))
        yield "<tr>" + "".join(cells) + "</tr>"
    yield "</tbody></table>"
