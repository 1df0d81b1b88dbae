"""What the command line prints: data to standard output, all else to standard error."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

_WIDTH = 1_000_000
"""Of a table, at most: terminals break lines themselves, and who greps wants them whole."""


def say(text: str = "") -> None:
    """A line for people, to standard error."""
    sys.stderr.write(text + "\n")


def put(text: str = "") -> None:
    """A line of the answer, to standard output."""
    sys.stdout.write(text + "\n")


def put_json(value: Any) -> None:
    """The answer as JSON, to standard output."""
    put(msgspec.json.format(msgspec.json.encode(value)).decode())


def put_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """The answer as columns; numbers are set right, words left.

    A row is a line, however long. Where standard output is no terminal it is nothing but text.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    texts = [[_cell(value) for value in row] for row in rows]
    for i, heading in enumerate(headings):
        right = all(_numeric(row[i]) for row in texts)
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for row in texts:
        table.add_row(*row)
    console = Console(
        width=_WIDTH,
        force_terminal=sys.stdout.isatty(),
        markup=False,
        emoji=False,
        highlight=False,
    )
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        put(line.rstrip())


def _cell(value: object) -> str:
    return f"{value:,.4f}" if isinstance(value, float) else str(value)


def _numeric(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").isdigit()
