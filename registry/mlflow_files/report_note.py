"""What a monitoring report leaves in MLflow, beside the version that it is on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReportNote:
    """Tags of the version, metrics over time of its run, and the page.

    `tags` say where report and snapshot are, seen from the home. `metrics` are of the moment
    `at_us`, microseconds since 1970. The page takes the place of a former one.
    """

    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    at_us: int
    page: Path
