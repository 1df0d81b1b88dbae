"""The state algebra of `domain.state`, compiled: the same code objects, made fast by numba."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
import numpy as np

from domain import state
from domain.state import Events, Index, Matrix, Vector


def _compile(function: Callable[..., Any], **replaced: object) -> Any:
    """A compiled copy whose helpers are the compiled ones; the original stays plain Python."""
    scope = {**vars(state), **replaced}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    copy.__module__ = state.__name__
    copy.__qualname__ = function.__qualname__
    return numba.njit(copy, cache=True, nogil=True)


_helpers = {
    "_join_cell": _compile(state._join_cell),
    "_mark_day": _compile(state._mark_day),
    "_insert_step": _compile(state._insert_step),
}
fold: Callable[..., None] = _compile(state.fold, **_helpers)
merge_into: Callable[..., None] = _compile(state.merge_into, **_helpers)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def replay(states: Matrix, events: Events, half_lives: Vector, out: Matrix) -> None:
    """Fold events one by one and write the state after each to `out` [events, width]."""
    for i in range(events.rows.shape[0]):
        fold(states, events, i, i + 1, half_lives)
        out[i] = states[events.rows[i]]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def see(seen: Matrix, leads: Index, accounts: Index, times: Vector, life: float) -> None:
    """Note events in (last event, intensity as of that) of each lead [leads, 2], in place.

    Events of no account, below 0, are left out.
    """
    for i in range(leads.shape[0]):
        if accounts[i] >= 0:
            last, intensity = seen[leads[i]]
            newest = max(last, times[i])
            aged = intensity * 2.0 ** ((last - newest) / life)
            seen[leads[i], 0] = newest
            seen[leads[i], 1] = aged + 2.0 ** ((times[i] - newest) / life)


def merged(parts: Matrix, half_lives: Vector, families: int) -> Vector:
    """The state of the events of all parts [n, width]."""
    total: Vector = np.zeros(parts.shape[1])
    for part in parts:
        merge_into(total, part, half_lives, families)
    return total
