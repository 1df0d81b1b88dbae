"""States as stored: their width, which slots are not zero, and the values of those that are not.

Most slots of most leads are zero.
"""

from collections.abc import Sequence

import numpy as np

from domain.state import Matrix

HEAD = 2
"""Bytes of the width, at the beginning."""


def pack(states: Matrix) -> list[bytes]:
    """Each state [n, width] as bytes: the width, a bit for every slot, the values."""
    whole = np.ascontiguousarray(states, dtype="<f8")
    filled = whole.view("<u8") != 0
    masks = np.packbits(filled, axis=1)
    ends = np.cumsum(filled.sum(axis=1) * 8).tolist()
    values, head = whole[filled].tobytes(), _head(whole.shape[1])
    starts = [0, *ends][: len(ends)]
    return [
        head + mask.tobytes() + values[start:end]
        for mask, start, end in zip(masks, starts, ends, strict=True)
    ]


def unpack(packed: Sequence[bytes], width: int) -> Matrix:
    """The states [n, width] that were packed."""
    states = np.zeros((len(packed), width))
    if not len(packed):
        return states
    begin = HEAD + (width + 7) // 8
    masks = np.frombuffer(b"".join([one[HEAD:begin] for one in packed]), dtype=np.uint8)
    bits = masks.reshape(len(packed), -1)
    filled = np.unpackbits(bits, axis=1, count=width).view(bool)
    states[filled] = np.frombuffer(b"".join([one[begin:] for one in packed]), dtype="<f8")
    return states


def is_packed(rows: object, width: int) -> bool:
    """Whether this is a packed state of that width.

    >>> is_packed(pack(np.array([[0.0, 2.5]]))[0], 2), is_packed(b"", 2), is_packed(None, 2)
    (True, False, False)
    """
    return isinstance(rows, bytes) and rows.startswith(_head(width))


def _head(width: int) -> bytes:
    return width.to_bytes(HEAD, "little")
