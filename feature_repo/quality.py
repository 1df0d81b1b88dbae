"""The gate where features are computed: range, missing values, staleness.

The bounds come from the catalogue, so a new family or attribute needs no code here. Frames are
checked by pandera, rows that are to be scored by a few operations of numpy.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY
from domain.definition import FeatureDefinition
from domain.errors import Refused
from domain.findings import QualityFindings, broken_rules
from domain.state import Matrix
from feature_repo.catalogue import Feature, catalogue
from feature_repo.features import STEPS
from feature_repo.row_kernels import count_breaks
from storage.config_numbers import Hours, PositiveDays, Share

if TYPE_CHECKING:
    import pandas as pd
    from pandera.pandas import DataFrameSchema

GATE = "features"
RANGE, MISSING, PRESENT, NULL_SHARE, STALE, AHEAD = (
    "feature-range",
    "feature-missing",
    "feature-present",
    "feature-null-share",
    "features-stale",
    "watermark-ahead",
)
_PANDERA = {
    "not_nullable": MISSING,
    "column_in_dataframe": PRESENT,
    "isin": RANGE,
}
_LARGEST = float(np.finfo(np.float64).max)
_AT_LEAST_0 = frozenset(["events", "days", "channels", "people", "values", "ratio"])
_MAY_MISS = frozenset(["days", ""])
"""Units of features that are missing where nothing was seen; attributes have none."""


class FeatureRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`stale_days`: features are stale where the newest signal of all is older than that.

    `ahead_hours`: where it is later than now by more than that, a clock is wrong, here or there.
    `null_share`: a column of a frame that misses a larger share is warned of.
    """

    stale_days: PositiveDays = 7.0
    ahead_hours: Hours = 24.0
    null_share: Share = 0.995


@dataclass(frozen=True, slots=True)
class Bounds:
    """Least and largest value of each number feature, and whether it may be missing; all [n]."""

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    filled: NDArray[np.bool_]


@lru_cache(maxsize=16)
def bounds(definition: FeatureDefinition) -> Bounds:
    """The bounds of a definition's number features, in the catalogue's order."""
    numbers = [f for f in catalogue(definition) if f.kind == "number"]
    attributes = {a.name for a in definition.numbers}
    return Bounds(
        names=tuple(f.name for f in numbers),
        low=np.array([0.0 if f.unit in _AT_LEAST_0 else -_LARGEST for f in numbers]),
        high=np.array([_most(f, definition) for f in numbers]),
        filled=np.array([not _may_miss(f) and f.name not in attributes for f in numbers]),
    )


def _most(feature: Feature, definition: FeatureDefinition) -> float:
    days = feature.name.removeprefix("active_days_")
    if days != feature.name and feature.group == "activity":
        return float(days)
    return float(len(definition.channels)) if feature.unit == "channels" else _LARGEST


def _may_miss(feature: Feature) -> bool:
    return feature.unit in _MAY_MISS and not feature.name.startswith("active_days_")


class FeatureGate:
    """Checks the rows that are to be scored. Safe to use from many threads."""

    def __init__(self, definition: FeatureDefinition, rules: FeatureRules) -> None:
        self._bounds = bounds(definition)
        self._stale_us = rules.stale_days * DAY
        self._ahead_us = rules.ahead_hours * DAY / 24
        none = np.zeros((0, len(self._bounds.names)))
        self.sound(none, 0, 0, QualityFindings())  # compiled now, not in the first request

    def sound(
        self, numbers: Matrix, as_of_us: int, watermark_us: int, findings: QualityFindings
    ) -> list[bool]:
        """Whether each row [n] of all number features [n, features] keeps the rules; counted.

        No row does where nothing was heard for too long, or the log is ahead of the clock: they
        are wrong together.
        """
        b = self._bounds
        outside, missing = count_breaks(numbers, b.low, b.high, b.filled)
        breaks = (outside + missing).tolist()
        if any(breaks):
            _count(RANGE, (numbers < b.low) | (numbers > b.high), b.names, findings)
            _count(MISSING, np.isnan(numbers) & b.filled, b.names, findings)
        age_us = as_of_us - watermark_us
        if not -self._ahead_us <= age_us <= self._stale_us:
            findings.add(GATE, STALE if age_us > 0 else AHEAD, "", len(numbers))
            return [False] * len(numbers)
        return [not count for count in breaks]


def _count(
    rule: str, marks: NDArray[np.bool_], names: tuple[str, ...], findings: QualityFindings
) -> None:
    sums = marks.sum(axis=0)
    for at in np.flatnonzero(sums).tolist():
        findings.add(GATE, rule, names[at], int(sums[at]))


def feature_schema(definition: FeatureDefinition, rules: FeatureRules) -> "DataFrameSchema":
    """The pandera schema of frames of a definition's named features; checks are named as rules."""
    import pandera.pandas as pa

    b = bounds(definition)
    share = pa.Check(
        lambda column: bool(column.isna().mean() <= rules.null_share),
        name=NULL_SHARE,
        ignore_na=False,
    )
    columns: dict[str, Any] = {
        name: pa.Column(
            float,
            [pa.Check.in_range(low, high, error=RANGE), share],
            nullable=not filled,
        )
        for name, low, high, filled in zip(b.names, b.low, b.high, b.filled, strict=True)
    }
    steps = ["", *(f.name for f in definition.families)]
    for at, name in enumerate(f.name for f in catalogue(definition) if f.kind == "category"):
        known = [pa.Check.isin(steps, error=RANGE)] if at < STEPS else []
        columns[name] = pa.Column(None, known, nullable=True)
    return pa.DataFrameSchema(columns, name=definition.label)


def check_frame(
    frame: "pd.DataFrame", schema: "DataFrameSchema", findings: QualityFindings, where: str
) -> None:
    """Count what breaks the schema; raise Refused where it is more than a warning.

    Features out of range mean a broken store or a broken function: nothing may be learnt of them.
    """
    from pandera.errors import SchemaErrors

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as bad:
        broken = broken_rules(bad.failure_cases)
    else:
        return
    worst: tuple[str, str, int] | None = None
    for (check, column), count in broken.items():
        rule = _PANDERA.get(check, check)
        findings.add(GATE, rule, column, 1 if rule == NULL_SHARE else count)
        if rule != NULL_SHARE and worst is None:
            worst = rule, column, count
    if worst is not None:
        raise _refusal(worst, len(frame), where)


def _refusal(worst: tuple[str, str, int], rows: int, where: str) -> Refused:
    rule, column, count = worst
    return Refused(
        f"feature {column} breaks its rule in {count} of {rows} rows",
        rule=rule,
        where=where,
        todo="Run `leadscore features rebuild`; if it still fails, its function is wrong.",
    )
