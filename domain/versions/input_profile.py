"""What a version's training rows looked like, column by column: the profile of its input."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

PROFILE_FILE = "profile.json"
MOST_VALUES = 1_000
"""A category with more values is not listed."""


class NumberProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A number's range and its share of missing values; the range is None where all are."""

    name: str
    low: float | None
    high: float | None
    missing: float


class CategoryProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A category's values ("" is missing, and not listed); None where they are too many."""

    name: str
    values: tuple[str, ...] | None
    missing: float


class InputProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The training rows of a version. `most_missing`: of the row in which most was missing."""

    rows: int
    numbers: tuple[NumberProfile, ...]
    categories: tuple[CategoryProfile, ...]
    most_missing: int


def profile_inputs(
    features: Sequence[str], numbers: NDArray[np.float64], texts: NDArray[np.object_]
) -> InputProfile:
    """The profile of rows: numbers [n, a] and texts [n, b], `features` naming the a + b columns."""
    missing, blank = np.isnan(numbers), texts == ""
    counted = missing.sum(axis=1) + blank.sum(axis=1)
    split = numbers.shape[1]
    return InputProfile(
        rows=len(numbers),
        numbers=tuple(_number(n, numbers[:, i]) for i, n in enumerate(features[:split])),
        categories=tuple(_category(n, texts[:, i]) for i, n in enumerate(features[split:])),
        most_missing=int(counted.max()) if len(counted) else 0,
    )


def write_profile(profile: InputProfile, folder: Path) -> None:
    """Write it beside the other files of a version."""
    (folder / PROFILE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(profile)))


def read_profile(folder: Path) -> InputProfile | None:
    """The profile of a version's folder; None for versions made before there was one."""
    path = folder / PROFILE_FILE
    return msgspec.json.decode(path.read_bytes(), type=InputProfile) if path.is_file() else None


def _number(name: str, column: NDArray[np.float64]) -> NumberProfile:
    finite = column[np.isfinite(column)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    return NumberProfile(name=name, low=low, high=high, missing=float(np.isnan(column).mean()))


def _category(name: str, column: NDArray[np.object_]) -> CategoryProfile:
    values = sorted({str(v) for v in column} - {""})
    return CategoryProfile(
        name=name,
        values=tuple(values) if len(values) <= MOST_VALUES else None,
        missing=float((column == "").mean()),
    )
