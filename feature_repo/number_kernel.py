"""The number features, compiled: a group of columns a function, a row of one state at a time.

Each function writes its own columns of `row`; those that compare families read the columns written
before. What is missing is NaN. The compiler's cache looks at this file alone: after a change of the
state's constants in `domain.state`, remove it.
"""

from collections.abc import Callable
from typing import TypeVar

import numba
import numpy as np

from domain.state import (
    ACTIVE_DAYS,
    CELL,
    COUNT,
    DAY,
    DAY_BITS,
    FAMILIES,
    FAMILY_COUNT,
    FAMILY_DECAYED,
    FAMILY_LAST,
    FAMILY_SUM,
    FIRST,
    INTENSITY,
    LARGEST_SET,
    LAST,
    PEOPLE,
    SECONDS_PER_DAY,
    SEQUENCE,
    SEQUENCE_LENGTH,
    SET_BITS,
    WORD,
    Matrix,
    Vector,
)
from feature_repo.number_plan import ColumnLayout, NumberPlan

SILENCE = 1.0 / 365.0
"""Events a day that are added to both sides of a velocity, so that silence is no speed."""

SIZES = np.array(
    [0.0, *(SET_BITS * np.log(SET_BITS / (SET_BITS - k)) for k in range(1, SET_BITS)), LARGEST_SET]
)
"""How many distinct values a set of so many bits was likely made of."""

_F = TypeVar("_F", bound=Callable[..., object])


def _compiled(function: _F) -> _F:
    compiled: _F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


@_compiled
def fill(
    plan: NumberPlan,
    columns: ColumnLayout,
    leads: Matrix,
    accounts: Matrix,
    as_of: Vector,
    out: Matrix,
) -> None:
    """Write the columns [n, columns.width] of states [n, plan.width] at moments [n] to `out`.

    An event later than the moment counts as of the moment.
    """
    for i in range(out.shape[0]):
        lead, now, row = leads[i], as_of[i], out[i]
        _families(plan, columns, lead, now, row)
        _totals(plan, columns, lead, row)
        _distinct(plan, columns, lead, row)
        _comparisons(plan, columns, row)
        _transitions(plan, columns, lead, now, row)
        _activity(plan, columns, lead, now, row)
        _breadth(plan, columns, row)
        _active_days(columns, lead, now, row)
        _gaps(columns, lead, row)
        if plan.accounts:
            _account(plan, columns, accounts[i], now, row)
            _people(plan, columns, accounts[i], now, row)
        _attributes(plan, columns, lead, row)


@_compiled
def _age(now: float, then: float) -> float:
    """Seconds; none since what is yet to come."""
    return np.maximum(now - then, 0.0)  # type: ignore[no-any-return]


@_compiled
def _decayed(count: float, age: float, half_life: float) -> float:
    return count * np.exp2(-age / half_life)  # type: ignore[no-any-return]


@_compiled
def _families(
    plan: NumberPlan, columns: ColumnLayout, lead: Vector, now: float, row: Vector
) -> None:
    for f in range(plan.families):
        at = FAMILIES + f * plan.family_width
        age, count = _age(now, lead[at + FAMILY_LAST]), lead[at + FAMILY_COUNT]
        row[columns.counts + f] = count
        row[columns.recencies + f] = age / SECONDS_PER_DAY if count > 0 else np.nan
        for h in range(plan.half_lives.shape[0]):
            rate = _decayed(lead[at + FAMILY_DECAYED + h], age, plan.half_lives[h])
            row[columns.rates + h * plan.families + f] = rate
        row[columns.velocities + f] = _velocity(plan, columns, f, row)


@_compiled
def _velocity(plan: NumberPlan, columns: ColumnLayout, family: int, row: Vector) -> float:
    """The log of the intensity over the shortest half-life against that over the longest.

    A decayed count over half-life h of a steady rate r is r·h/ln 2; dividing by h compares rates.
    """
    longest = plan.half_lives.shape[0] - 1
    early = row[columns.rates + longest * plan.families + family]
    early = early / (plan.half_lives[longest] / SECONDS_PER_DAY) + SILENCE
    late = row[columns.rates + family] / (plan.half_lives[0] / SECONDS_PER_DAY) + SILENCE
    return np.log(late / early)  # type: ignore[no-any-return]


@_compiled
def _totals(plan: NumberPlan, columns: ColumnLayout, lead: Vector, row: Vector) -> None:
    for k in range(plan.valued.shape[0]):
        at = FAMILIES + plan.valued[k] * plan.family_width
        row[columns.totals + k] = lead[at + FAMILY_SUM]


@_compiled
def _distinct(plan: NumberPlan, columns: ColumnLayout, lead: Vector, row: Vector) -> None:
    for k in range(columns.ratios - columns.distinct):
        at, bits = plan.sets_at + CELL * k, 0
        for word in range(1, CELL):
            bits += _bits(np.int64(lead[at + word]))
        row[columns.distinct + k] = SIZES[bits]


@_compiled
def _bits(word: np.int64) -> int:
    left, count = word & ((np.int64(1) << WORD) - 1), 0
    while left:
        left &= left - 1
        count += 1
    return count


@_compiled
def _comparisons(plan: NumberPlan, columns: ColumnLayout, row: Vector) -> None:
    for k in range(plan.ratios.shape[0]):
        above, below = plan.ratios[k]
        ratio = (row[above] + plan.smoothing[k, 0]) / (row[below] + plan.smoothing[k, 1])
        row[columns.ratios + k] = ratio
    for k in range(plan.backlogs.shape[0]):
        opened, closed = plan.backlogs[k]
        row[columns.backlogs + k] = np.maximum(row[opened] - row[closed], 0.0)


@_compiled
def _transitions(
    plan: NumberPlan, columns: ColumnLayout, lead: Vector, now: float, row: Vector
) -> None:
    """Days since each transition: since the newest of its ends that has a begin before."""
    for k in range(plan.transitions.shape[0]):
        (begins, ends), days = plan.transitions[k], np.nan
        for step in range(SEQUENCE_LENGTH - 1):
            at = SEQUENCE + 3 * step
            if lead[at + 2] == ends and _begun(lead, step, begins):
                days = np.fmin(days, _age(now, lead[at]) / SECONDS_PER_DAY)
        row[columns.transitions + k] = days


@_compiled
def _begun(lead: Vector, step: int, code: float) -> bool:
    """Whether a step of this code came before that step; the newest is the first."""
    for before in range(step + 1, SEQUENCE_LENGTH):
        if lead[SEQUENCE + 3 * before + 2] == code:
            return True
    return False


@_compiled
def _activity(
    plan: NumberPlan, columns: ColumnLayout, lead: Vector, now: float, row: Vector
) -> None:
    at, quiet = columns.activity, _age(now, lead[LAST])
    count = np.floor(lead[COUNT])  # the fraction counts what actions of ours caused
    seen = count > 0
    row[at] = count
    row[at + 1] = _age(now, lead[FIRST]) / SECONDS_PER_DAY if seen else np.nan
    row[at + 2] = quiet / SECONDS_PER_DAY if seen else np.nan
    row[at + 3] = _decayed(lead[INTENSITY], quiet, plan.half_lives[plan.middle])


@_compiled
def _breadth(plan: NumberPlan, columns: ColumnLayout, row: Vector) -> None:
    used = 0
    for channel in range(plan.channels):
        for f in range(plan.families):
            if plan.channel_of[f] == channel and row[columns.recencies + f] <= 30.0:
                used += 1
                break
    row[columns.breadth] = used


@_compiled
def _active_days(columns: ColumnLayout, lead: Vector, now: float, row: Vector) -> None:
    """Active days among the last 7 and 28, the day of the moment included."""
    age = _age(np.floor(now / SECONDS_PER_DAY), lead[DAY])
    row[columns.active_days] = _days_within(lead, age, 7)
    row[columns.active_days + 1] = _days_within(lead, age, 28)


@_compiled
def _days_within(lead: Vector, age: float, window: int) -> int:
    if not age < min(window, ACTIVE_DAYS):
        return 0
    room = window - np.int64(age)
    return _bits(np.int64(lead[DAY_BITS]) & ((np.int64(1) << room) - 1))


@_compiled
def _gaps(columns: ColumnLayout, lead: Vector, row: Vector) -> None:
    """Days between the last two steps, and between the kept ones on average."""
    count = 0
    for step in range(SEQUENCE_LENGTH):
        count += lead[SEQUENCE + 3 * step] > 0
    last = mean = np.nan
    if count >= 2:
        newest = lead[SEQUENCE]
        last = newest - lead[SEQUENCE + 3]
        mean = (newest - lead[SEQUENCE + 3 * (count - 1)]) / (count - 1)
    row[columns.gaps] = last / SECONDS_PER_DAY
    row[columns.gaps + 1] = mean / SECONDS_PER_DAY


@_compiled
def _account(
    plan: NumberPlan, columns: ColumnLayout, account: Vector, now: float, row: Vector
) -> None:
    at, half_life = columns.account, plan.half_lives[plan.middle]
    row[at] = account[plan.width]
    since = _age(now, account[LAST]) / SECONDS_PER_DAY
    count = np.floor(account[COUNT])
    row[at + 3] = since if count > 0 else np.nan
    row[at + 4] = count
    for f in range(plan.families):
        block = FAMILIES + f * plan.family_width
        age = _age(now, account[block + FAMILY_LAST])
        rate = account[block + FAMILY_DECAYED + plan.middle]
        row[columns.account_rates + f] = _decayed(rate, age, half_life)


@_compiled
def _people(
    plan: NumberPlan, columns: ColumnLayout, account: Vector, now: float, row: Vector
) -> None:
    """How many of the account's people were active of late, and how much the most active one."""
    week = month = 0
    best, seen = -np.inf, plan.width + 1
    for person in range(seen, seen + PEOPLE):
        last, intensity = account[person], account[person + PEOPLE]
        days = (np.floor(now) - last) / SECONDS_PER_DAY
        week += last > 0 and days <= 7
        month += last > 0 and days <= 30
        quiet = _age(now, last)
        best = np.maximum(best, _decayed(intensity, quiet, plan.half_lives[plan.middle]))
    row[columns.account + 1] = week
    row[columns.account + 2] = month
    row[columns.account + 5] = best


@_compiled
def _attributes(plan: NumberPlan, columns: ColumnLayout, lead: Vector, row: Vector) -> None:
    for k in range(columns.width - columns.attributes):
        at = plan.numbers_at + CELL * k
        row[columns.attributes + k] = lead[at + 2] if lead[at] > 0 else np.nan
