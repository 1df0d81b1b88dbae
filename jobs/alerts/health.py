"""How a home does, in one sentence: open alarms, the newest report, what nobody has looked at."""

from typing import Literal

import msgspec

from config.settings import Settings
from domain.errors import BadInput
from jobs.alerts.alarms import AlertsStatus, status
from jobs.alerts.watch import ReportFigures, read_report

HealthLevel = Literal["good", "warn", "bad"]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The sentence, how urgent it is, and what it rests on."""

    sentence: str
    level: HealthLevel
    alerts: AlertsStatus
    report: ReportFigures | None


def health(settings: Settings) -> Health:
    """How a home does. Raises Missing for an empty home, Unavailable."""
    alerts = status(settings)
    try:
        report = read_report(settings)
    except BadInput:
        report = None
    parts = [_of_alarms(alerts), _of_report(report)]
    urgent = any(alarm.severity == "page" for alarm in alerts.alarms)
    quiet = not alerts.alarms and alerts.looked_us is not None
    sound = quiet and report is not None and not _to_act_on(report)
    level: HealthLevel = "bad" if urgent else "good" if sound else "warn"
    heads = {"good": "All is well", "warn": "Somebody should look", "bad": "Somebody must look now"}
    sentence = f"{heads[level]}: {'; '.join(parts)}."
    return Health(sentence=sentence, level=level, alerts=alerts, report=report)


def _of_alarms(alerts: AlertsStatus) -> str:
    if alerts.looked_us is None and not alerts.alarms:
        return "nobody has looked for alarms yet"
    if not alerts.alarms:
        return "no alarm is open"
    kinds = ", ".join(dict.fromkeys(alarm.kind.replace("-", " ") for alarm in alerts.alarms))
    verb = "alarm is" if len(alerts.alarms) == 1 else "alarms are"
    return f"{len(alerts.alarms)} {verb} open ({kinds})"


def _of_report(report: ReportFigures | None) -> str:
    if report is None:
        return "there is no report on recent decisions"
    error = report.measures.get("calibration_error")
    suffix = "" if error is None else f", calibration error {error.value:.3f}"
    if causes := _to_act_on(report):
        return f"drift of {report.meta.model} asks for action ({', '.join(causes)}){suffix}"
    of = f"{report.matured:,} matured decisions"
    return f"{report.meta.model} shows no drift to act on in {of}{suffix}"


def _to_act_on(report: ReportFigures) -> list[str]:
    return [f"{c.kind}: {c.about}" for c in report.causes or () if c.action != "none"]
