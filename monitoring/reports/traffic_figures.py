"""What was decided of late, by arm: how much, how fresh, how often degraded, on which values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.causes.alike import AGE, SINCE
from monitoring.decision_columns import Floats
from monitoring.reports.figure import ALL, EVERYONE, Figure, FigureName, FigureStatus
from monitoring.reports.outcome_figures import ARM
from monitoring.reports.rules import ReportLimits

FRESHEST = 0.01
"""Freshness is told of this share of decisions: a lead that does nothing has old features."""

HOUR_S = 3600.0
FEWEST = 30
AGES = frozenset({AGE, SINCE})
"""Features that grow with time, so that a market's leads are soon older than the reference's."""


@dataclass(frozen=True, slots=True)
class RecentTraffic:
    """Decisions of late [n]: their arm, how old their features were, whether degraded.

    `missing` and `outside`: the shares of values that are missing, or beyond the reference's, by
    feature; `usually_missing` is the reference's.
    """

    arm: NDArray[np.str_]
    staleness_s: Floats
    degraded: NDArray[np.bool_]
    feature_rows: int
    missing: Mapping[str, float]
    outside: Mapping[str, float]
    usually_missing: Mapping[str, float]


def traffic_figures(traffic: RecentTraffic, limits: ReportLimits) -> Iterator[Figure]:
    """Figures of all decisions and of those of each arm, and of the values of features."""
    masks = {(ALL, EVERYONE): np.ones(len(traffic.arm), dtype=np.bool_)}
    masks |= {(ARM, str(name)): traffic.arm == name for name in np.unique(traffic.arm)}
    for (by, name), mask in masks.items():
        yield _count(by, name, int(mask.sum()))
        if mask.sum() >= FEWEST:
            yield _freshness(by, name, traffic.staleness_s[mask], limits.rules.stale_hours)
            yield _degraded(by, name, traffic.degraded[mask], limits.degraded)
    if traffic.feature_rows >= FEWEST:
        if traffic.missing:
            yield _missing(traffic, limits.rules.missing_share)
        if traffic.outside:
            yield _outside(traffic, limits.rules.outside_share)


def _count(by: str, name: str, count: int) -> Figure:
    whose = "" if by == ALL else f" of the {name}"
    text = f"{count:,} decisions{whose} in the last four weeks"
    return _figure("DecisionCount", by, name, float(count), count, None, text)


def _freshness(by: str, name: str, staleness_s: Floats, limit: float) -> Figure:
    hours = float(np.quantile(staleness_s, FRESHEST)) / HOUR_S
    middle = float(np.median(staleness_s)) / HOUR_S
    text = (
        f"the freshest hundredth of decisions rests on features of {hours:.1f} hours or newer, "
        f"half of them on {middle:.1f} hours or newer"
    )
    return _figure("FreshestHours", by, name, hours, len(staleness_s), limit, text)


def _degraded(by: str, name: str, degraded: NDArray[np.bool_], limit: float) -> Figure:
    share = float(degraded.mean())
    whose = "all arms" if by == ALL else f"the {name}"
    text = f"{share:.1%} of {len(degraded):,} answers of {whose} were degraded"
    return _figure("DegradedShare", by, name, share, len(degraded), limit, text)


def _missing(traffic: RecentTraffic, limit: float) -> Figure:
    """All values, held against the feature that is missing more than usual by most."""
    usual = {n: traffic.usually_missing.get(n, share) for n, share in traffic.missing.items()}
    worst = max(usual, key=lambda name: traffic.missing[name] - usual[name])
    overall = float(np.mean([*traffic.missing.values()]))
    text = (
        f"{overall:.1%} of all values are missing; {worst} is missing for "
        f"{traffic.missing[worst]:.1%}, {usual[worst]:.1%} is usual"
    )
    more = traffic.missing[worst] - usual[worst]
    status = FigureStatus.BAD if more > limit else FigureStatus.GOOD
    rows = traffic.feature_rows
    return _figure("MissingShare", ALL, EVERYONE, overall, rows, limit, text, status)


def _outside(traffic: RecentTraffic, limit: float) -> Figure:
    """The number that is beyond the reference's most often."""
    judged = {n: share for n, share in traffic.outside.items() if n not in AGES} or traffic.outside
    worst = max(judged, key=lambda name: judged[name])
    value = traffic.outside[worst]
    text = f"{worst} is beyond all of the reference's values for {value:.1%} of decisions"
    status = FigureStatus.WATCH if value > limit else FigureStatus.GOOD
    rows = traffic.feature_rows
    return _figure("OutsideShare", ALL, EVERYONE, value, rows, limit, text, status)


def _figure(
    name: FigureName,
    by: str,
    group: str,
    value: float,
    rows: int,
    limit: float | None,
    text: str,
    status: FigureStatus | None = None,
) -> Figure:
    if status is None:
        beyond = limit is not None and value > limit
        status = FigureStatus.BAD if beyond else FigureStatus.GOOD
    return Figure(
        name=name, by=by, group=group, value=value, rows=rows, limit=limit, status=status, text=text
    )
