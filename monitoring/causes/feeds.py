"""Feeds that fell silent, or half silent: events a day of each type, against the past weeks.

The last days, of several lengths, are held against what the weeks before them let expect: level
and weekdays of each type, and the spread of its days, which a Poisson count doesn't have. A day on
which most types bring less than usual, such as a holiday, lowers what is expected of each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, pdtr

from monitoring.causes.cause import Cause, CauseKind, daily_level

Floats = NDArray[np.float64]

LENGTHS = (1, 2, 3, 5, 7, 14)
"""The last days that are looked at together."""

WEEKS = 8
LEVEL_DAYS = 28
FEWEST_DAYS = 14
"""Days of a feed's past that it takes to expect anything."""

TOLERANCE = 0.75
"""A rate from this share of the usual one on is no fault: rates follow markets."""

SILENT = 0.1
"""A rate below this share of the usual one is called silent."""

HOLIDAY = 0.4
"""What all feeds together may fall to before each is held to what is usual."""

LEAST_EXPECTED = 5.0
"""Events of the window that must be expected for anything to be said."""

UNSURE = 1.5
"""By how much the spread of days is taken larger than it was found: it was found on few."""


@dataclass(frozen=True, slots=True)
class FeedWindow:
    """A feed's last days: events that came, those to be expected, and their variance."""

    feed: str
    days: int
    events: float
    expected: float
    spread: float
    unsure: float
    least: float

    @property
    def ratio(self) -> float:
        """Came over expected."""
        return self.events / self.expected


def silent_feeds(counts: Mapping[str, NDArray[np.int64]]) -> list[Cause]:
    """Types of event that bring too few, by their counts [days] of whole days, oldest first.

    All counts are of the same days, the last of them the newest day that is over.
    """
    level = daily_level("feeds") / max(1, len(counts) * len(LENGTHS))
    worst: dict[str, Cause] = {}
    for days in LENGTHS:
        windows = [w for name, series in counts.items() if (w := _window(name, series, days))]
        common = _common(windows)
        for window in windows:
            for cause in _judged(window, common, level):
                before = worst.get(window.feed)
                if before is None or cause.chance < before.chance:
                    worst[window.feed] = cause
    return sorted(worst.values(), key=lambda cause: cause.chance)


def _window(feed: str, counts: NDArray[np.int64], days: int) -> FeedWindow | None:
    past = counts[: len(counts) - days][-7 * WEEKS :].astype(np.float64)
    began = np.flatnonzero(past)
    past = past[began[0] :] if len(began) else past[:0]
    if len(past) < FEWEST_DAYS:
        return None
    place = np.arange(-len(past), days) % 7
    profile = _weekdays(past, place[: len(past)])[place]
    lately = past[-LEVEL_DAYS:]
    usual = profile[: len(past)][-LEVEL_DAYS:]
    rate = float(lately.sum() / usual.sum())
    expected = rate * float(profile[len(past) :].sum())
    if expected < LEAST_EXPECTED:
        return None
    fitted = np.maximum(rate * usual, 1e-9)
    spread = max(
        1.0, float(np.mean((lately - fitted) ** 2 / fitted)) * len(lately) / (len(lately) - 7)
    )
    return FeedWindow(
        feed=feed,
        days=days,
        events=float(counts[len(counts) - days :].sum()),
        expected=expected,
        spread=UNSURE * spread,
        unsure=UNSURE * spread / max(float(lately.sum()), 1.0),
        least=_least(past, profile[: len(past)] * rate, days),
    )


def _weekdays(past: Floats, place: NDArray[np.int64]) -> Floats:
    """Factors [7] on the mean day, drawn towards 1 by a week's worth."""
    mean = past.mean()
    sums, seen = np.bincount(place, past, 7), np.bincount(place, minlength=7)
    return np.asarray((sums / mean + 1) / (seen + 1) if mean > 0 else np.ones(7))


def _least(past: Floats, fitted: Floats, days: int) -> float:
    """The lowest share of what was expected that so many days of the past brought."""
    ones = np.ones(days)
    events, expected = (np.convolve(one, ones, "valid") for one in (past, fitted))
    return float(np.min(events / np.maximum(expected, 1e-9)))


def _common(windows: list[FeedWindow]) -> float:
    """The share of the usual that feeds together bring: 1 of few, or of usual ones."""
    if len(windows) < 3:
        return 1.0
    return float(np.clip(np.median([w.ratio for w in windows]), HOLIDAY, 1.0))


def _judged(window: FeedWindow, common: float, level: float) -> Iterator[Cause]:
    edge = TOLERANCE * common
    if window.ratio >= edge or window.ratio >= window.least:
        return
    chance = _chance_so_few(window, edge * window.expected)
    if chance > level:
        return
    silent = window.ratio < SILENT
    span = "in a day" if window.days == 1 else f"in {window.days} days"
    yield Cause(
        kind=CauseKind.SILENT_FEED if silent else CauseKind.HALF_SILENT_FEED,
        about=window.feed,
        text=(
            f"{window.feed} brought {window.events:,.0f} events {span}, "
            f"{window.expected:,.0f} are usual"
        ),
        value=window.events,
        usual=window.expected,
        tolerance=edge,
        chance=chance,
        level=level,
        action="mend",
    )


def _chance_so_few(window: FeedWindow, mean: float) -> float:
    """The chance of so few events of a negative binomial count of that mean."""
    variance = mean * window.spread + mean**2 * window.unsure
    if variance <= mean * (1 + 1e-9):
        return float(pdtr(window.events, mean))
    size = mean**2 / (variance - mean)
    return float(betainc(size, window.events + 1, size / (size + mean)))
