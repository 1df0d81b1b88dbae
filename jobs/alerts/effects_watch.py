"""Effects that were given up: dead letters wait for a person."""

from domain.clock import SystemClock
from jobs.alerts.watch import UNKNOWN, Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting
from storage.engine import has_database
from wiring.workflow import open_workflow
from workflow.outbox.effect_desk import EffectDesk


def watch_effects(watched: Watched) -> AlarmLook:
    """Whether a connector has dead letters: an alarm of each connector that has."""
    if not has_database(watched.settings.workflow_db):
        return UNKNOWN
    engine = open_workflow(watched.settings)
    try:
        counts = EffectDesk(engine, SystemClock()).counts()
    finally:
        engine.dispose()
    sightings = [
        Sighting(
            kind="effects-dead",
            subject=connector,
            evidence=(
                f"{dead} effects are dead letters",
                f"{counts.get((connector, 'waiting'), 0)} wait",
            ),
        )
        for (connector, state), dead in sorted(counts.items())
        if state == "dead" and dead
    ]
    return looked(("effects-dead",), sightings)
