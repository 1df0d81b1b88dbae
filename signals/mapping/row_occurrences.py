"""How often a row was in a file before: identical lines are told apart, not lost."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RowHashes = NDArray[np.uint64]


class Occurrences:
    """Numbers the occurrences of each digest, from 0, in eight bytes a row.

    Only the first eight bytes of a digest are compared. Where two different ones share them, the
    later is numbered as if it were a repeat: its number is other than expected, never ambiguous.
    """

    def __init__(self) -> None:
        self._runs: list[RowHashes] = []
        self._next: dict[int, int] = {}

    def number(self, digests: Sequence[bytes]) -> list[int]:
        """The number of each digest among its equals, those of earlier calls included."""
        keys = np.frombuffer(b"".join(d[:8] for d in digests), dtype=np.uint64)
        distinct, counts = np.unique(keys, return_counts=True)
        earlier = self._contains(distinct)
        numbers = [0] * len(digests)
        if earlier.any() or len(distinct) < len(keys):
            before = dict(zip(distinct.tolist(), earlier.tolist(), strict=True))
            repeated = set(distinct[earlier | (counts > 1)].tolist())
            for i, key in enumerate(keys.tolist()):
                if key in repeated:
                    numbers[i] = self._next.get(key, int(before[key]))
                    self._next[key] = numbers[i] + 1
        self._keep(distinct[~earlier])
        return numbers

    def _contains(self, keys: RowHashes) -> NDArray[np.bool_]:
        present = np.zeros(len(keys), dtype=np.bool_)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            present |= run[at] == keys
        return present

    def _keep(self, keys: RowHashes) -> None:
        """Keep few sorted runs: a run joins the one before it once it is as long as half of it."""
        if len(keys):
            self._runs.append(keys)
        while len(self._runs) > 1 and len(self._runs[-1]) * 2 >= len(self._runs[-2]):
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(np.sort(np.concatenate([older, newer])))
