"""What a report holds its figures against, and how much is kept: `report.yaml`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from storage.config_numbers import FileVersion, PositiveHours, Share
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("report.yaml")


class ReportRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `report.yaml`.

    `odds_factor`: conversions may be more than predicted, or fewer, by this factor. `lift`: what
    the lift of the best tenth should not fall below. `stale_hours`: the freshest hundredth of
    decisions should rest on features no older. `missing_share`: by so much more values may be
    missing than in the reference. `outside_share`: of values beyond all of the reference's.
    `keep_snapshots`: the newest so many stay in the workspace. How far a calibration error and
    degraded answers may go, the objectives say.
    """

    version: FileVersion
    odds_factor: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 1.3
    lift: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] = 1.0
    stale_hours: PositiveHours = 24.0
    missing_share: Share = 0.1
    outside_share: Share = 0.05
    keep_snapshots: Annotated[int, msgspec.Meta(ge=1, le=2_000)] = 400


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """What figures are held against: a report's rules, and the objectives of `slo.yaml`."""

    rules: ReportRules = field(default_factory=lambda: ReportRules(version=1))
    calibration_error: float = 0.05
    degraded: float = 0.01
    """The share of answers that may be degraded."""


def load_report_rules(path: Path = STANDARD_FILE) -> ReportRules:
    """Rules of a YAML file; the standard ones by default. Raises BadConfiguration."""
    return read_typed(path, ReportRules, "report-rules", todo="docs/reports.md tells every key.")
