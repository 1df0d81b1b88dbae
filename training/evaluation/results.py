"""What was found of a version on time that it has not seen: read by card, charts, gates, people.

A version's folder holds it as `evaluation.json`. Every interval is clustered by account.
"""

from math import isfinite

import msgspec

from domain.measurement import Interval

EVALUATION_FILE = "evaluation.json"


def defined(interval: Interval) -> Interval | None:
    """The interval, or None where it or a bound of it is not defined."""
    return interval if isfinite(interval.value + interval.low + interval.high) else None


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows, by their score: their share of the weight, what was told of them, what came.

    `predicted` is the mean probability, `observed` the rate of positives, `lift` that over the
    rate of all.
    """

    name: str
    share: float
    predicted: float
    observed: Interval
    lift: float


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the test's time: from `begins` to before the next, RFC 3339, UTC.

    `auroc` is None where a part holds one class.
    """

    begins: str
    rows: int
    positives: int
    predicted: float
    observed: Interval
    auroc: Interval | None
    brier: Interval


class Benefit(msgspec.Struct, frozen=True, kw_only=True):
    """Net benefit by threshold: of acting on the score, with its interval, and on everyone."""

    thresholds: tuple[float, ...]
    score: tuple[Interval, ...]
    everyone: tuple[float, ...]


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline on the same rows. Without `metrics` it could not be measured, as `note` says.

    `over` is the version less the baseline, paired; `benefit` its net benefit by threshold.
    """

    name: str
    note: str
    metrics: dict[str, Interval] = {}
    over: dict[str, Interval] = {}
    benefit: tuple[float, ...] = ()


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured. `metrics` are by name, as registered.

    `inverted` are neighbouring grades, the better first, that are shown not to rise.
    `brier` holds Murphy's parts of the Brier score over the bins of `reliability`. `gains` are
    the shares of positives found among the best 0, 1, … 100% of rows.
    """

    rows: int
    positives: int
    metrics: dict[str, Interval]
    brier: dict[str, float]
    reliability: tuple[Band, ...]
    tenths: tuple[Band, ...]
    grades: tuple[Band, ...]
    gains: tuple[float, ...]
    benefit: Benefit
    slices: tuple[Slice, ...]
    rivals: tuple[Rival, ...]
    inverted: tuple[tuple[str, str], ...] = ()
