"""What the command line prints: data to standard output, all else to standard error."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


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
    """The answer as columns; numbers are set right, words left."""
    held = [[_cell(value) for value in row] for row in rows]
    rights = [all(_numeric(row[i]) for row in held) for i in range(len(headings))]
    widths = [max(len(h), *(len(r[i]) for r in held), 0) for i, h in enumerate(headings)]
    for row in [list(headings), *held]:
        cells = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, rights, strict=True)
        ]
        put("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    return f"{value:,.4f}" if isinstance(value, float) else str(value)


def _numeric(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").isdigit()
