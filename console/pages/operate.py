"""Operate: what the loop did, what comes next, and the alarms with their run books."""

from typing import TYPE_CHECKING, Any

from console.frame.page import Visit, shown
from jobs.alerts.health import health
from jobs.alerts.rules import load_alerts
from monitoring.alarms.alarm import runbook
from monitoring.alarms.catalogue import CATALOGUE

if TYPE_CHECKING:
    from jobs.operate.status import OperateStatus


def operate(visit: Visit) -> dict[str, Any]:
    """Jobs, runs and alarms."""
    settings = visit.home.settings
    base = load_alerts(settings).runbooks
    state = health(settings)
    return {
        "health": state,
        "status": _status(visit),
        "books": {alarm.kind: runbook(alarm.kind, base) for alarm in state.alerts.alarms},
        "causes": {alarm.kind: CATALOGUE[alarm.kind].cause for alarm in state.alerts.alarms},
        "linked": "://" in base,
    }


def _status(visit: Visit) -> "OperateStatus | None":
    """The loop's state; None where its libraries are not installed."""
    try:
        from jobs.operate.status import status_of
    except ModuleNotFoundError:
        return None
    return status_of(visit.home.settings)


PAGES = (shown("/operate", operate, "operate.html", "Operate"),)
