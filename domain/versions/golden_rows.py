"""Golden rows: a few rows with what a version said of them when it was made, sealed with it.

Whoever opens the version lets it score them again: one that says otherwise, because its files, its
libraries or its machine are other than they were, must not answer anybody.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadInput

GOLDEN_FILE = "golden.json"
GOLDEN_ROWS = 32

Floats = NDArray[np.float64]


class GoldenRows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a version's own columns, in its order: numbers (None is missing), then texts.

    `margins` are the raw scores in log-odds, `scores` the calibrated probabilities; `margins` are
    empty where only scores were kept.
    """

    numbers: tuple[tuple[float | None, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    margins: tuple[float, ...]
    scores: tuple[float, ...]


def golden_rows(
    numbers: Floats, texts: Sequence[Sequence[str]], margins: Floats, scores: Floats
) -> GoldenRows:
    """Golden rows of arrays: numbers [n, a] with NaN where missing, n texts, margins and scores."""
    return GoldenRows(
        numbers=tuple(
            tuple(None if np.isnan(v) else v for v in row)
            for row in np.asarray(numbers, dtype=np.float64).tolist()
        ),
        texts=tuple(tuple(map(str, row)) for row in texts),
        margins=tuple(margins.tolist()),
        scores=tuple(scores.tolist()),
    )


def write_golden(rows: GoldenRows, folder: Path) -> None:
    """Write them into a version's folder, before it is sealed."""
    (folder / GOLDEN_FILE).write_bytes(msgspec.json.encode(rows))


def read_golden(folder: Path) -> GoldenRows | None:
    """A version's golden rows; None where it was made before they were kept. Raises BadInput."""
    try:
        return msgspec.json.decode((folder / GOLDEN_FILE).read_bytes(), type=GoldenRows)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as bad:
        raise BadInput(
            "the golden rows cannot be read", rule="golden-rows", where=GOLDEN_FILE
        ) from bad
