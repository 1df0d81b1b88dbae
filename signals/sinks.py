"""Where state history goes, row by row, one row per entity and moment."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from domain.state import Matrix


class HistorySink(Protocol):
    """Takes state history: rows of (entity, moment, state), moments ascending."""

    def add(
        self,
        entities: Sequence[str],
        known_us: Sequence[int],
        states: Matrix,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        """Add rows."""
        ...


class LastOfMoment:
    """Passes on only the last row of each entity and moment.

    A point-in-time join could not choose between two rows of the same moment. Rows of the newest
    moment are held back until a later one comes, or `close`.
    """

    def __init__(self, sink: HistorySink) -> None:
        self._sink = sink
        self._held: list[tuple[str, int, Matrix, Sequence[str]]] = []

    def add(
        self,
        entities: Sequence[str],
        known_us: Sequence[int],
        states: Matrix,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        """Add rows, not earlier than those added before."""
        if not entities:
            return
        blank: Sequence[Sequence[str]] = texts or [()] * len(entities)
        rows = [*self._held, *zip(entities, known_us, states, blank, strict=True)]
        newest = known_us[-1]
        self._pass_on([row for row in rows if row[1] < newest])
        self._held = [row for row in rows if row[1] == newest]

    def close(self) -> None:
        """Pass on what is held back."""
        self._pass_on(self._held)
        self._held = []

    def _pass_on(self, rows: list[tuple[str, int, Matrix, Sequence[str]]]) -> None:
        last = {(row[0], row[1]): at for at, row in enumerate(rows)}
        kept = [rows[at] for at in sorted(last.values())]
        if kept:
            entities, moments, states, texts = zip(*kept, strict=True)
            self._sink.add(entities, moments, np.array(states), texts)
