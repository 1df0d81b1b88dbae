"""All watches, one after another: one whose store is away keeps no other from looking."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from domain.errors import LeadscoreError, Unavailable
from jobs.alerts.decisions_watch import watch_decisions
from jobs.alerts.effects_watch import watch_effects
from jobs.alerts.home_watch import watch_disk, watch_records
from jobs.alerts.model_watch import watch_calibration, watch_drift
from jobs.alerts.registry_watch import (
    watch_agreement,
    watch_jobs,
    watch_retraining,
    watch_rollouts,
)
from jobs.alerts.signals_watch import watch_signals
from jobs.alerts.watch import Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting

Watch = Callable[[Watched], AlarmLook]

WATCHES: Mapping[str, tuple[str, Watch]] = {
    "rollouts": ("ledger", watch_rollouts),
    "retraining": ("ledger", watch_retraining),
    "agreement": ("ledger", watch_agreement),
    "drift": ("ledger", watch_drift),
    "calibration": ("audit", watch_calibration),
    "signals": ("signals", watch_signals),
    "decisions": ("audit", watch_decisions),
    "disk": ("home", watch_disk),
    "records": ("audit", watch_records),
    "jobs": ("operate", watch_jobs),
    "effects": ("workflow", watch_effects),
}
"""Each watch by its name, with the store that it asks first."""


@dataclass(frozen=True)
class Looks:
    """What all watches saw, and which of them could not look, and why."""

    looks: tuple[AlarmLook, ...]
    blind: tuple[str, ...]


def look_all(watched: Watched) -> Looks:
    """Look for everything. A store that does not answer is an alarm itself."""
    looks, blind, away = list[AlarmLook](), list[str](), dict[str, Sighting]()
    for name, (store, watch) in WATCHES.items():
        try:
            looks.append(watch(watched))
        except (Unavailable, SQLAlchemyError, OSError) as bad:
            rule = bad.rule if isinstance(bad, Unavailable) else type(bad).__name__
            evidence = (f"the watch of {name} could not look: {rule}",)
            away[store] = Sighting(kind="store-away", subject=store, evidence=evidence)
            blind.append(f"{name}: {rule}")
        except LeadscoreError as bad:
            blind.append(f"{name}: {bad.rule}")
    looks.append(looked(("store-away",), away.values()))
    return Looks(tuple(looks), tuple(blind))
