"""Monitoring: health in one sentence, drift with its causes, calibration, lift, service levels."""

from collections.abc import Mapping
from typing import Any

import msgspec
from markupsafe import Markup

from console.charts.bars import IntervalRow, interval_chart
from console.frame.page import Visit, shown, tried
from domain.measurement import Interval
from jobs.alerts.health import health
from jobs.alerts.objectives import objectives_status
from jobs.alerts.watch import REPORT

MOVES = 20
"""Columns that the page shows, those that moved most."""
RATES = ("auroc", "average_precision", "brier", "calibration_error")
"""Measures that are drawn: they are of one order of size."""


def monitoring(visit: Visit) -> dict[str, Any]:
    """The newest report, as far as a page shows it."""
    settings = visit.home.settings
    report = _report(settings.home / REPORT)
    measures = msgspec.convert(report.get("measures", {}), dict[str, Interval])
    return {
        "health": health(settings),
        "report": report,
        "measures": measures,
        "chart": _chart(measures),
        "moves": report.get("columns", [])[:MOVES],
        "evidently": (settings.home / REPORT).with_suffix(".html").is_file(),
        "levels": None,
    }


def levels(visit: Visit) -> dict[str, Any]:
    """The same, with what is left of each error budget: reads the decisions of the window."""
    return {**monitoring(visit), "levels": objectives_status(visit.home.settings)}


def _report(path: Any) -> dict[str, Any]:
    """The report as plain values; empty where there is none that can be read."""
    try:
        report: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        return report if isinstance(report, dict) and "meta" in report else {}
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _chart(measures: Mapping[str, Interval]) -> Markup | None:
    rows = [
        IntervalRow(name.replace("_", " "), measures[name]) for name in RATES if name in measures
    ]
    if not rows:
        return None
    description = "; ".join(f"{row.name}: {row.interval}" for row in rows)
    return interval_chart("Recent decisions that have matured, 95% intervals", description, rows)


PAGES = (
    shown("/monitoring", monitoring, "monitoring.html", "Monitoring"),
    tried("/monitoring/levels", levels, "monitoring.html", "Monitoring"),
)
