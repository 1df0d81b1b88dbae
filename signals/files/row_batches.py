"""What the readers of files hand on: batches of rows, and text that is no row."""

from collections.abc import Sequence
from dataclasses import dataclass

BATCH = 2048
"""Rows in a batch: few enough to stay in a processor's cache, where most of the speed is."""

BATCH_CHARACTERS = 4 << 20
"""Fewer rows, where they are long: a batch is full with so much text."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """Text that is no row: where it began, what is wrong with it, and itself."""

    line: int
    rule: str
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows, each with as many cells as there are `names`, and the line each began in."""

    names: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    broken: Sequence[BrokenRow] = ()
