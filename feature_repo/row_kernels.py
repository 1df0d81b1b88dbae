"""What is asked of whole rows of states and numbers, compiled: for one row a call is all it costs.

The compiler's cache looks at this file alone.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from domain.state import Matrix, Vector

Counts = NDArray[np.int64]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_breaks(
    numbers: Matrix, low: Vector, high: Vector, needed: NDArray[np.bool_]
) -> tuple[Counts, Counts]:
    """How many of each row's [n, features] numbers lie outside low to high; how many are missing.

    What is missing is NaN, which lies nowhere; of features that are not `needed` it is not counted.
    """
    outside = np.zeros(numbers.shape[0], dtype=np.int64)
    missing = np.zeros(numbers.shape[0], dtype=np.int64)
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            value = numbers[i, j]
            outside[i] += (value < low[j]) | (value > high[j])
            missing[i] += np.isnan(value) & needed[j]
    return outside, missing


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def spread(masks: NDArray[np.uint8], values: Vector, states: Matrix) -> bool:
    """Write values, in their order, to the slots of states [n, width] that masks have a bit for.

    `masks` [n, bytes], the first slot's bit the highest. False where there are not as many values
    as bits.
    """
    at = 0
    for i in range(states.shape[0]):
        for j in range(states.shape[1]):
            if masks[i, j >> 3] & (128 >> (j & 7)):
                if at == len(values):
                    return False
                states[i, j] = values[at]
                at += 1
    return at == len(values)
