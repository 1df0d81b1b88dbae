"""The leaves that rows reach, compiled: what CatBoost's `calc_leaf_indexes` says, without its pool.

To make a pool of one row costs many times what is then asked of it. Numbers are compared with the
borders that the explanation table holds. What a category answers is CatBoost's own affair (hashes,
statistics of the target): it is asked once for each value, and the answer is kept. Each level asks
about one feature alone, so the answers for one value hold whatever stands beside it.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numba
import numpy as np
from catboost import FeaturesData, Pool
from numpy.typing import NDArray

from domain.state import Matrix
from domain.versions.explanation_table import ExplanationTable

Leaves = NDArray[np.uint32]
"""Leaf indexes [rows, trees], those of one tree beside each other: trees are walked one by one."""

Bits = NDArray[np.uint32]
Indexes = NDArray[np.int64]
Places = NDArray[np.uint64]
"""Unsigned, so that the compiler need not look for indexes from the end: a third of the time."""

BLOCK = 256
"""Rows that are walked at once: their values stay within a processor's cache."""

MOST = 4096
"""Values kept of one category; beyond it the values are forgotten and learnt anew."""


class _Answers(NamedTuple):
    """What values of a category answer: the bits of each [trees that ask about it, values]."""

    places: dict[str, int]
    bits: Bits


class _Category:
    """A category that the trees ask about: its place among the texts, and what is known of it."""

    def __init__(self, feature: int, place: int, levels: Indexes) -> None:
        asks = levels == feature
        self.place = place
        self.trees: Indexes = np.flatnonzero(asks.any(axis=1))
        weights = 1 << np.arange(levels.shape[1], dtype=np.uint32)
        self._mask = (asks[self.trees] * weights).sum(axis=1, keepdims=True).astype(np.uint32)
        self.forget()

    def forget(self) -> None:
        """Know of no value."""
        self.answers = _Answers({}, np.empty((len(self.trees), 0), dtype=np.uint32))

    def learn(self, values: Sequence[str], leaves: Leaves) -> None:
        """Keep what values answer, given the leaves [values or more, trees] they lead to."""
        bits = leaves.T[self.trees, : len(values)] & self._mask
        answers = self.answers
        places = {**answers.places, **{v: i for i, v in enumerate(values, len(answers.places))}}
        self.answers = _Answers(places, np.concatenate([answers.bits, bits], axis=1))


class LeafFinder:
    """One version's trees, ready to be walked. Safe to use from many threads."""

    def __init__(
        self, model: Any, table: ExplanationTable, numbers: Indexes, texts: Sequence[int]
    ) -> None:
        """`numbers` and `texts` are the columns that hold the model's features, in its order."""
        self._model = model
        self._wide, self._texts = len(numbers), len(texts)
        asks = table.levels < len(numbers)
        self._starts = np.concatenate([[0], np.cumsum(asks.sum(axis=1))]).astype(np.uint64)
        self._bits = (1 << np.nonzero(asks)[1]).astype(np.uint32)
        self._columns = np.append(numbers, 0)[table.levels[asks]].astype(np.uint64)
        self._borders = table.borders[asks]
        self._missing = table.missing[asks]
        self._categories = {
            at: _Category(len(numbers) + at, place, table.levels)
            for at, place in enumerate(texts)
            if (table.levels == len(numbers) + at).any()
        }
        self._lock = Lock()
        # compiled now, not in the first request
        self.find(np.zeros((1, 1 + max(numbers, default=0))), [[""] * (1 + max(texts, default=0))])

    def find(self, numbers: Matrix, texts: Sequence[Sequence[str]]) -> Leaves:
        """The leaves of rows: numbers [n, all] and n rows of all category texts."""
        out = np.zeros((len(self._starts) - 1, len(numbers)), dtype=np.uint32)
        columns = np.ascontiguousarray(numbers.T, dtype=np.float32)
        _walk(columns, self._starts, self._bits, self._columns, self._borders, self._missing, out)
        for category, known in zip(self._categories.values(), self._known(texts), strict=True):
            places, at = known.places, category.place
            values = np.array([places[row[at]] for row in texts], dtype=np.int64)
            _answer(values, known.bits, category.trees, out)
        return out.T

    def _known(self, texts: Sequence[Sequence[str]]) -> list[_Answers]:
        """What is known of each category, all values of these rows among it."""
        answers = [one.answers for one in self._categories.values()]
        if all(
            row[one.place] in known.places
            for one, known in zip(self._categories.values(), answers, strict=True)
            for row in texts
        ):
            return answers
        with self._lock:
            self._learn(texts)
            return [one.answers for one in self._categories.values()]

    def _learn(self, texts: Sequence[Sequence[str]]) -> None:
        """Ask the model for the values that are not known, a row for as many as there are."""
        unknown: dict[int, list[str]] = {}
        for at, one in self._categories.items():
            values = list(dict.fromkeys(row[one.place] for row in texts))
            unknown[at] = [value for value in values if value not in one.answers.places]
            if unknown[at] and len(unknown[at]) + len(one.answers.places) > MOST:
                one.forget()
                unknown[at] = values
        if not any(unknown.values()):  # another thread was here
            return
        words = np.full((max(map(len, unknown.values())), self._texts), b"", dtype=object)
        for at, new in unknown.items():
            words[: len(new), at] = [value.encode() for value in new]
        numbers = np.zeros((len(words), self._wide), dtype=np.float32) if self._wide else None
        pool = Pool(FeaturesData(num_feature_data=numbers, cat_feature_data=words))
        leaves = np.asarray(self._model.calc_leaf_indexes(pool, thread_count=1), dtype=np.uint32)
        for at, new in unknown.items():
            self._categories[at].learn(new, leaves)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _walk(
    numbers: NDArray[np.float32],
    starts: Places,
    bits: Bits,
    columns: Places,
    borders: NDArray[np.float32],
    missing: NDArray[np.bool_],
    out: Bits,
) -> None:
    """Add what questions about numbers [columns, rows] answer to leaves [trees, rows].

    Those of tree t begin at `starts[t]`. Without a branch, and with indexes that cannot be counted
    from the end, the inner loops do several rows at once: a thirtieth of the time.
    """
    for at in range(0, out.shape[1], BLOCK):
        begin, end = np.uint64(at), np.uint64(min(at + BLOCK, out.shape[1]))
        for tree in range(np.uint64(out.shape[0])):
            for k in range(starts[tree], starts[tree + np.uint64(1)]):
                column, border, bit = columns[k], borders[k], bits[k]
                if missing[k]:
                    for row in range(begin, end):
                        out[tree, row] |= bit * np.uint32(not numbers[column, row] <= border)
                else:
                    for row in range(begin, end):
                        out[tree, row] |= bit * np.uint32(numbers[column, row] > border)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _answer(values: Indexes, bits: Bits, trees: Indexes, out: Bits) -> None:
    """Add what rows' values of a category answer."""
    for k in range(len(trees)):
        answers, leaves = bits[k], out[trees[k]]
        for row in range(len(values)):
            leaves[row] |= answers[values[row]]
