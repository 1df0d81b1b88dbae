"""The job of alarms: look, open and end, tell, and write what Prometheus reads."""

from collections.abc import Sequence

import msgspec

from config.home_definition import definition_of
from config.home_files import rules_file
from config.settings import Settings
from domain.clock import DAY
from domain.errors import BadInput
from jobs.alerts.delivery import DeliveryResult, deliver
from jobs.alerts.looking import look_all
from jobs.alerts.metrics_file import write_metrics
from jobs.alerts.rules import load_alerts
from jobs.alerts.watch import JobOutcome, ReportFigures, Watched, read_report
from monitoring.alarms.alarm import AlarmState
from monitoring.alarms.store import DATABASE, AlarmChange, AlarmStore, ChannelState
from monitoring.objectives import STANDARD_FILE, load_objectives


class AlarmsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a look came to: alarms that are open, what changed, what was sent, who saw nothing."""

    open: tuple[AlarmState, ...]
    opened: tuple[str, ...]
    ended: tuple[str, ...]
    deliveries: tuple[DeliveryResult, ...]
    blind: tuple[str, ...]


class AlertsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms that are open, and the channels that something waits for."""

    alarms: tuple[AlarmState, ...]
    channels: tuple[ChannelState, ...]
    looked_us: int | None = None


LOOKED_AT = "looked-at"
FIRST_LOOK_AT = "first-look-at"


def alarms(settings: Settings, jobs: Sequence[JobOutcome] | None = None) -> AlarmsResult:
    """Look at a home, open and end alarms, and tell those who are to hear of it.

    `jobs` are the operating loop's newest runs, where somebody knows them. It may be killed at any
    moment and called again. Raises Missing for an empty home, BadConfiguration, Unavailable where
    the alarms' own database is away.
    """
    definition_of(settings)
    rules = load_alerts(settings)
    objectives = load_objectives(rules_file(settings, STANDARD_FILE))
    store = AlarmStore(settings.home)
    try:
        watched = Watched(settings, rules, objectives, jobs, before=store.figures())
        looks = look_all(watched)
        remind_us = round(rules.remind_hours * DAY / 24)
        now_us = watched.now_us
        changes = store.settle(
            looks.looks, now_us, remind_us, lambda change: rules.address(change, now_us)
        )
        first = watched.before.get(FIRST_LOOK_AT, float(now_us))
        moments = {LOOKED_AT: float(now_us), FIRST_LOOK_AT: first}
        store.keep_figures({**watched.counted, **moments})
        store.forget(now_us - round(rules.keep_days * DAY))
        open_alarms = store.open()
        write_metrics(settings, open_alarms, now_us, _report(settings))
        deliveries = deliver(settings, rules, store)
    finally:
        store.close()
    return AlarmsResult(
        open=tuple(open_alarms),
        opened=_named(changes, "opened"),
        ended=_named(changes, "ended"),
        deliveries=tuple(deliveries),
        blind=looks.blind,
    )


def status(settings: Settings) -> AlertsStatus:
    """What is open and what waits. Raises Missing for an empty home, Unavailable."""
    definition_of(settings)
    if not (settings.home / DATABASE).is_file():  # whoever only reads makes none
        return AlertsStatus(alarms=(), channels=())
    store = AlarmStore(settings.home)
    try:
        looked_at = store.figures().get(LOOKED_AT)
        return AlertsStatus(
            alarms=tuple(store.open()),
            channels=tuple(store.channels().values()),
            looked_us=None if looked_at is None else int(looked_at),
        )
    finally:
        store.close()


def _report(settings: Settings) -> ReportFigures | None:
    try:
        return read_report(settings)
    except BadInput:
        return None


def _named(changes: Sequence[AlarmChange], event: str) -> tuple[str, ...]:
    return tuple(f"{c.alarm.kind}: {c.alarm.subject}" for c in changes if c.event == event)
