"""The state algebra of `domain.state`, compiled: the same code objects, made fast by numba."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
import numpy as np

from domain import state
from domain.state import (
    FAMILIES,
    FAMILY_DECAYED,
    FAMILY_LAST,
    FAMILY_SUM,
    INTENSITY,
    LAST,
    Events,
    Index,
    Matrix,
    Vector,
)


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
_helpers["_count"] = _compile(state._count, **_helpers)
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


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def sum_groups(
    states: Matrix, rows: Index, sizes: Index, half_lives: Vector, families: int, out: Matrix
) -> None:
    """Sum states[rows], `sizes` of them at a time, into the first columns of `out` [groups, …].

    The order of a group's rows changes no bit: what is summed is aged to the group's newest event
    and added in the order of size. `out` must be zeros.
    """
    width, lives = states.shape[1], half_lives.shape[0]
    family_width = FAMILY_DECAYED + lives
    terms = np.empty(max(sizes.max(), 1) if sizes.shape[0] else 1)
    begin = 0
    for g in range(sizes.shape[0]):
        end = begin + sizes[g]
        total = out[g, :width]
        for i in range(begin, end):
            merge_into(total, states[rows[i]], half_lives, families)
        if end - begin > 2:
            some, chunk = rows[begin:end], terms[: end - begin]
            total[INTENSITY] = _aged_sum(
                states, some, INTENSITY, LAST, half_lives[lives // 2], total[LAST], chunk
            )
            for f in range(families):
                at = FAMILIES + f * family_width
                for h in range(lives):
                    total[at + FAMILY_DECAYED + h] = _aged_sum(
                        states,
                        some,
                        at + FAMILY_DECAYED + h,
                        at + FAMILY_LAST,
                        half_lives[h],
                        total[at + FAMILY_LAST],
                        chunk,
                    )
                total[at + FAMILY_SUM] = _aged_sum(
                    states, some, at + FAMILY_SUM, at + FAMILY_LAST, np.inf, 0.0, chunk
                )
        begin = end


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _aged_sum(
    states: Matrix, rows: Index, slot: int, last: int, life: float, newest: float, terms: Vector
) -> float:
    """The sum of a slot as of `newest`, smallest terms first. `terms` [rows] is room for them."""
    for i in range(rows.shape[0]):
        age = states[rows[i], last] - newest
        terms[i] = states[rows[i], slot] * 2.0 ** (age / life)
    total = 0.0
    for term in np.sort(terms):
        total += term
    return total


def merged(parts: Matrix, half_lives: Vector, families: int) -> Vector:
    """The state of the events of all parts [n, width], whose order changes no bit."""
    total: Matrix = np.zeros((1, parts.shape[1]))
    sum_groups(parts, np.arange(len(parts)), np.array([len(parts)]), half_lives, families, total)
    summed: Vector = total[0]
    return summed
