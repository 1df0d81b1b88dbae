"""How the objectives do, by the audit trail and by Prometheus, whichever knows; the worse of both.

The trail holds every answer, so it knows latency and degraded answers; requests that were refused
and the intake's delays are counted by the metrics alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from config.home_definition import definition_of
from config.home_files import rules_file
from config.settings import Settings
from domain.clock import DAY, parse_iso, to_us
from domain.errors import BadInput, Missing, Unavailable
from jobs.alerts.model_watch import champion_of
from jobs.alerts.rules import load_alerts
from jobs.alerts.watch import ReportFigures, Watched
from monitoring.objectives import (
    STANDARD_FILE,
    Objectives,
    ObjectiveStatus,
    load_objectives,
    share_status,
)
from monitoring.prometheus_figures import instant_value
from storage.engine import has_database
from wiring.clock import home_clock
from wiring.decisions import open_trail

TRAIL, PROMETHEUS = "audit trail", "Prometheus"
_ASK = "set `prometheus` to the base URL of a server that scrapes the service"


@dataclass
class _Trail:
    """What recorded decisions say of a window."""

    decisions: int = 0
    degraded: int = 0
    timed: int = 0
    slow: int = 0

    def shares(self) -> dict[str, float]:
        """The broken share per objective, of those that there is evidence for."""
        shares = {}
        if self.decisions:
            shares["degraded"] = self.degraded / self.decisions
        if self.timed:
            shares["latency"] = self.slow / self.timed
        return shares


def objectives_status(settings: Settings) -> list[ObjectiveStatus]:
    """Every objective, with what is left of its error budget.

    Raises Missing for an empty home, BadConfiguration of `slo.yaml`. A source that does not answer
    is told of as missing evidence.
    """
    definition_of(settings)
    objectives = load_objectives(rules_file(settings, STANDARD_FILE))
    now_us = to_us(home_clock(settings).now())
    trail = _of_trail(settings, objectives, now_us)
    server = _of_prometheus(settings, objectives)
    rows = [_row(name, objectives, trail, server) for name in objectives.shares]
    return [*rows, _calibration(settings, objectives, now_us)]


def _row(
    name: str,
    objectives: Objectives,
    trail: dict[str, float] | str,
    server: dict[str, float | None] | str,
) -> ObjectiveStatus:
    """One objective by both sources: the worse, or what keeps anybody from knowing."""
    values = {}
    for source, shares in ((TRAIL, trail), (PROMETHEUS, server)):
        value = None if isinstance(shares, str) else shares.get(name)
        if value is not None:
            values[source] = value
    objective = objectives.shares[name]
    if not values:
        return share_status(name, objective, None, _missing(name, trail, server))
    return share_status(name, objective, max(values.values()), " and ".join(values))


def _missing(
    name: str, trail: dict[str, float] | str, server: dict[str, float | None] | str
) -> str:
    notes = [server if isinstance(server, str) else f"{PROMETHEUS} has no samples of it"]
    if name in ("latency", "degraded"):
        notes.append(trail if isinstance(trail, str) else f"the {TRAIL} has no such decision")
    return "; ".join(notes)


def _of_trail(settings: Settings, objectives: Objectives, now_us: int) -> dict[str, float] | str:
    if not has_database(settings.audit_db):
        return f"there is no {TRAIL}"
    limit_us, tally = objectives.latency.limit_s * 1e6, _Trail()
    try:
        for record in open_trail(settings).records(now_us - objectives.window_days * DAY):
            tally.decisions += 1
            tally.degraded += record.answer.degraded
            if record.took_us is not None:
                tally.timed += 1
                tally.slow += record.took_us > limit_us
    except Unavailable:
        return f"the {TRAIL} does not answer"
    return tally.shares()


def _of_prometheus(settings: Settings, objectives: Objectives) -> dict[str, float | None] | str:
    if not settings.prometheus:
        return _ASK
    try:
        return {
            name: instant_value(settings.prometheus, query)
            for name, query in objectives.queries().items()
        }
    except Unavailable:
        return f"{PROMETHEUS} does not answer"


def _calibration(settings: Settings, objectives: Objectives, now_us: int) -> ObjectiveStatus:
    limit = objectives.calibration_error
    row = ObjectiveStatus(objective="calibration_error", target=limit)
    watched = Watched(settings, load_alerts(settings), objectives)
    try:
        champion, report = champion_of(watched), watched.report
    except (Unavailable, BadInput, Missing) as bad:
        return _noted(row, bad.what)
    if champion is None or report is None or report.meta.model != champion:
        return _noted(row, "there is no report on the champion: `leadscore monitor report`")
    return _by_report(row, report, now_us - objectives.window_days * DAY)


def _by_report(row: ObjectiveStatus, report: ReportFigures, since_us: int) -> ObjectiveStatus:
    error = report.measures.get("calibration_error")
    if error is None:
        return _noted(row, "too little has matured")
    if to_us(_moment(report.meta.moment)) < since_us:
        return _noted(row, "the newest report is older than the window")
    left = round(1 - error.value / row.target, 9)
    row = replace(row, measured=error.value, budget_left=left, source="report")
    interval = f"{error.low:.3g} to {error.high:.3g}"
    if error.low > row.target:
        return replace(row, state="broken", note=interval)
    if error.high <= row.target:
        return replace(row, state="met", note=interval)
    return replace(row, note=f"{interval}: too wide to tell")


def _moment(text: str) -> datetime:
    try:
        return parse_iso(text)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _noted(row: ObjectiveStatus, note: str) -> ObjectiveStatus:
    return replace(row, note=note)
