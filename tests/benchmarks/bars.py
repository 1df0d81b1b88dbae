"""Bars that figures must reach, and the table of them that ends `make bench`.

A figure is a ratio of two things done in turns in one run. A shared machine disturbs single runs,
never for the better: a figure that misses its bar is measured again, TRIES times in all, and the
best counts. A bar is not widened for it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

TRIES = 3


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured beside what, and the bar: `at_least` or `at_most` that ratio."""

    what: str
    beside: str
    ratio: float
    bar: float
    at_least: bool

    @property
    def holds(self) -> bool:
        """Whether the figure reaches its bar."""
        return self.ratio >= self.bar if self.at_least else self.ratio <= self.bar


def best(measure: Callable[[], float], *, at_least: float = 0.0, at_most: float = 0.0) -> float:
    """The first figure that reaches its bar, or the best of TRIES."""
    found: list[float] = []
    for _ in range(TRIES):
        found.append(measure())
        if found[-1] >= at_least if at_least else found[-1] <= at_most:
            break
    return max(found) if at_least else min(found)


def bar(
    benchmark: Any,
    what: str,
    beside: str,
    ratio: float,
    *,
    at_least: float = 0.0,
    at_most: float = 0.0,
) -> None:
    """Note a figure for the table, and fail where it misses its bar."""
    one = Bar(
        what=what, beside=beside, ratio=ratio, bar=at_least or at_most, at_least=bool(at_least)
    )
    benchmark.extra_info.setdefault("bars", []).append(msgspec.to_builtins(one))
    assert one.holds, f"{what} beside {beside}: {ratio:.3g}, asked {_asked(one)}"


def bars_of(benchmarks: Iterable[Any]) -> list[Bar]:
    """The bars that benchmarks noted."""
    noted = (one for b in benchmarks for one in b.extra_info.get("bars", ()))
    return msgspec.convert(list(noted), list[Bar])


def table(bars: Sequence[Bar]) -> list[str]:
    """Lines of text, a bar each."""
    rows = [("what", "beside what", "ratio", "asked", "")]
    rows += [
        (b.what, b.beside, f"{b.ratio:.3g}", _asked(b), "holds" if b.holds else "MISSED")
        for b in bars
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _asked(one: Bar) -> str:
    return f"at {'least' if one.at_least else 'most'} {one.bar:.3g}"
