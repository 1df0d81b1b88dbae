"""Some of many cases, spread over all of them; `make soak` takes every one."""

from collections.abc import Sequence
from typing import TypeVar

from tests.conftest import SOAK

T = TypeVar("T")


def spread(cases: Sequence[T], most: int) -> Sequence[T]:
    """At most so many cases, as far apart as they can be; all of them in a long proof.

    >>> list(spread(range(10), 4))
    [0, 3, 6, 9]
    """
    if SOAK or len(cases) <= most:
        return cases
    return [cases[round(at * (len(cases) - 1) / (most - 1))] for at in range(most)]
