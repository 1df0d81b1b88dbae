"""Where state history goes, row by row, one row per entity and moment."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from domain.state import Matrix, Vector

_AT_ONCE = 5_000
"""Rows that are passed on together: a sink makes one table of them."""

_Row = tuple[str, int, Vector, Sequence[str]]


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
    """Passes on only the last row of each entity and moment, many rows at once.

    A point-in-time join could not choose between two rows of the same moment. Rows are held back
    until there are many, those of the newest moment until a later one comes, or `close`. A row
    costs the same however many share its moment.
    """

    def __init__(self, sink: HistorySink) -> None:
        self._sink = sink
        self._newest_us = 0
        self._last: dict[str, _Row] = {}
        self._rows: list[_Row] = []

    def add(
        self,
        entities: Sequence[str],
        known_us: Sequence[int],
        states: Matrix,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        """Add rows, not earlier than those added before. `states` must not change any more."""
        blank: Sequence[Sequence[str]] = texts or [()] * len(entities)
        for row in zip(entities, known_us, states, blank, strict=True):
            if row[1] > self._newest_us:
                self._newest_us = row[1]
                self._rows += self._last.values()
                self._last.clear()
                if len(self._rows) >= _AT_ONCE:
                    self._pass_on()
            self._last.pop(row[0], None)  # rows go on in the order of the last of each
            self._last[row[0]] = row

    def close(self) -> None:
        """Pass on what is held back."""
        self._rows += self._last.values()
        self._last.clear()
        self._pass_on()

    def _pass_on(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            entities, moments, states, texts = zip(*rows, strict=True)
            self._sink.add(entities, moments, np.array(states), texts)
