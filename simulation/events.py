"""Events as columns: 32 bytes each, so that a million are light to sort and are written lazily."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulation.vocabulary import SimulatedKind, Uses

SimulatedEvents: TypeAlias = NDArray[np.void]
"""Rows of EVENT."""

EVENT = np.dtype(
    [
        ("time", np.int64),
        ("recorded", np.int64),
        ("person", np.int32),
        ("value", np.float32),
        ("word", np.int16),
        ("uses", np.int16),
        ("kind", np.int8),
        ("slot", np.int8),
        ("fault", np.int8),
    ]
)
"""`time` and `recorded` (0: left out) are milliseconds since 1970, `uses` are bits of Uses,
`slot` says which cookie, `word` and `value` fill the data fields, `fault` is 0 for a sound one."""


def rows(
    kind: SimulatedKind | NDArray[np.int8],
    time: NDArray[np.int64],
    person: NDArray[np.int64],
    uses: Uses | NDArray[np.int16],
    *,
    slot: ArrayLike = 0,
    word: ArrayLike = 0,
    value: ArrayLike = 0.0,
) -> SimulatedEvents:
    """Events from columns of equal length, or one value for all."""
    events = np.zeros(len(time), dtype=EVENT)
    events["kind"], events["time"], events["person"], events["uses"] = kind, time, person, uses
    events["slot"], events["word"], events["value"] = slot, word, value
    return events


def combined(events: SimulatedEvents) -> NDArray[np.int64]:
    """One number for who did it with which identifiers: person, uses and slot."""
    uses = events["uses"].astype(np.int64)
    return np.asarray((events["person"].astype(np.int64) << 16) | (uses << 8) | events["slot"])


def apart(code: int) -> tuple[int, int, int]:
    """Person, uses and slot of a combined number.

    >>> apart((7 << 16) | (3 << 8) | 1)
    (7, 3, 1)
    """
    return code >> 16, (code >> 8) & 0xFF, code & 0xFF
