"""Columns that know the outcome, by figures: filled in for one end alone, or settling it by value.

Each statement asks two things. The effect: at least so strong as no honest column is (the limits
are those of the leakage guard of training). And that chance does not make it: a p-value under the
null distribution in which the column has nothing to do with the outcome, of fixed margins (the
hypergeometric one, R. A. Fisher, 1935), below LEVEL divided by all statements that are tried on the
file (Bonferroni). A column that is honest and strong passes the second and fails the first.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import exp, lgamma
from typing import NamedTuple

LEVEL = 0.01
"""Chance of any false statement about a file whose columns have nothing to do with the outcome."""

ALONE = 0.95
"""Of the rows in which a column is filled in, the share that has one end."""

SETTLED_FOR, SETTLED_AGAINST = 0.9, 0.15
"""A value settles the outcome where nine in ten of its rows are won, or where less than this share
of the usual rate is."""

SETTLED_SHARE = 0.05
"""Of those won, and of the others: the share whose value settles it."""

MOST_VALUES = 200
"""Distinct values of a column whose values are judged one by one."""


class Leak(NamedTuple):
    """A column that seems to know the outcome: by which rule, on which figures."""

    column: str
    rule: str
    why: str


def leaks(
    columns: Mapping[str, Sequence[str]], won: Sequence[bool], lost: Sequence[bool]
) -> list[Leak]:
    """The columns that seem to know the outcome; cells that are missing are "".

    `won` and `lost` say of each row whether it ended so; of an open one, both are false.
    """
    ends = {"won": won}
    if any(lost):
        ends["lost"] = lost
        closed = [a or b for a, b in zip(won, lost, strict=True)]
        if not all(closed):
            ends["closed"] = closed
    trials = len(columns) * len(ends) + sum(_tried(cells) for cells in columns.values())
    level = LEVEL / max(trials, 1)
    suspects = (_judged(name, cells, ends, won, level) for name, cells in columns.items())
    return [leak for leak in suspects if leak is not None]


def _judged(
    name: str,
    cells: Sequence[str],
    ends: Mapping[str, Sequence[bool]],
    won: Sequence[bool],
    level: float,
) -> Leak | None:
    filled = [bool(cell) for cell in cells]
    for end, rows in ends.items():
        if why := _filled_for(end, filled, rows, level):
            return Leak(name, "presence", why)
    why = _settled(cells, won, level)
    return Leak(name, "settled", why) if why else None


def _filled_for(end: str, filled: Sequence[bool], rows: Sequence[bool], level: float) -> str:
    """Filled in for rows of one end alone, which others rarely have."""
    count, total, every = len(rows), sum(rows), sum(filled)
    both = sum(a and b for a, b in zip(filled, rows, strict=True))
    if not 0 < every < count or not both:
        return ""
    inside, outside = both / every, (total - both) / (count - every)
    if inside < ALONE or outside > inside / 2 or at_least(both, every, total, count) > level:
        return ""
    return (
        f"{inside:.0%} of the {every:,} rows in which it is filled in are {end}, of the others "
        f"{outside:.0%}"
    )


def _settled(cells: Sequence[str], won: Sequence[bool], level: float) -> str:
    """Values that settle the outcome both ways."""
    count, total = len(won), sum(won)
    rows = Counter(cells)
    if len(rows) > MOST_VALUES or not 0 < total < count:
        return ""
    of_won = Counter(cell for cell, end in zip(cells, won, strict=True) if end)
    rate = total / count
    settled_for = settled_against = 0
    for value, size in rows.items():
        share = of_won[value] / size
        if share >= SETTLED_FOR and at_least(of_won[value], size, total, count) <= level:
            settled_for += of_won[value]
        lost = size - of_won[value]
        if share <= SETTLED_AGAINST * rate and at_least(lost, size, count - total, count) <= level:
            settled_against += lost
    if min(settled_for / total, settled_against / (count - total)) < SETTLED_SHARE:
        return ""
    return (
        f"its values settle it for {settled_for / total:.0%} of those won, and against "
        f"{settled_against / (count - total):.0%} of the others"
    )


def _tried(cells: Sequence[str]) -> int:
    """Statements that are tried of a column's values: one each way for every value."""
    distinct = len(set(cells))
    return 2 * distinct if distinct <= MOST_VALUES else 0


def at_least(both: int, drawn: int, marked: int, count: int) -> float:
    """The chance that of `drawn` of `count` rows at least `both` are among the `marked`.

    The upper tail of the hypergeometric distribution.

    >>> round(at_least(3, 3, 5, 10), 6)
    0.083333
    """
    most = min(drawn, marked)
    base = _log_choose(count, drawn)
    return min(1.0, sum(_terms(both, most, drawn, marked, count, base)))


def _terms(
    first: int, most: int, drawn: int, marked: int, count: int, base: float
) -> Iterator[float]:
    for k in range(max(first, drawn + marked - count, 0), most + 1):
        chances = _log_choose(marked, k) + _log_choose(count - marked, drawn - k) - base
        yield exp(chances)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
