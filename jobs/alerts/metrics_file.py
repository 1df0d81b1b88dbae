"""What a look knows, as a file that Prometheus' node exporter reads (its textfile collector)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from config.settings import Settings
from domain.clock import SECOND
from jobs.alerts.watch import ReportFigures
from monitoring.alarms.alarm import AlarmState
from monitoring.alarms.catalogue import LOOKED
from storage.files import private_folder, write_whole

FILE = Path("metrics") / "leadscore_alarms.prom"


def write_metrics(
    settings: Settings, alarms: Sequence[AlarmState], now_us: int, report: ReportFigures | None
) -> None:
    """Write the file whole. Labels are kinds of alarms, all of them, and nothing else."""
    registry = CollectorRegistry()
    counts = Counter(alarm.kind for alarm in alarms)
    opened = Gauge("leadscore_alarm_open", "Alarms that are open.", ["kind"], registry=registry)
    for kind in LOOKED:
        opened.labels(kind).set(counts[kind])
    _gauge(registry, "leadscore_alarms_look_timestamp_seconds", "The last look for alarms.").set(
        now_us / SECOND
    )
    error = None if report is None else report.measures.get("calibration_error")
    if error is not None:
        help_text = "The champion's calibration error by the newest report: its interval's low end."
        _gauge(registry, "leadscore_calibration_error_low", help_text).set(error.low)
    path = settings.home / FILE
    private_folder(path.parent)
    write_whole(path, generate_latest(registry))


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(name, help_text, registry=registry)
