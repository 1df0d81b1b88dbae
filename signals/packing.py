"""States as stored: which slots are not zero, and their values. Most slots of most leads are."""

from collections.abc import Sequence

import numpy as np

from domain.state import Matrix


def pack(states: Matrix) -> list[bytes]:
    """Each state [n, width] as bytes: a bit for every slot, then the values that are not zero."""
    held = states != 0.0
    masks = np.packbits(held, axis=1)
    ends = np.cumsum(held.sum(axis=1) * 8).tolist()
    values = np.ascontiguousarray(states[held]).tobytes()
    starts = [0, *ends[:-1]]
    return [
        mask.tobytes() + values[start:end]
        for mask, start, end in zip(masks, starts, ends, strict=True)
    ]


def unpack(packed: Sequence[bytes], width: int) -> Matrix:
    """The states [n, width] that were packed."""
    states = np.zeros((len(packed), width))
    if not len(packed):
        return states
    bits = (width + 7) // 8
    masks = np.frombuffer(b"".join([one[:bits] for one in packed]), dtype=np.uint8)
    held = np.unpackbits(masks.reshape(-1, bits), axis=1, count=width).astype(bool)
    states[held] = np.frombuffer(b"".join([one[bits:] for one in packed]))
    return states
