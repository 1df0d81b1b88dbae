"""Rebuilds the offline history from the log."""

from collections.abc import Sequence

from config.settings import Settings
from domain.journeys import Journeys
from signals.events import event_log
from signals.replay.log_reader import read_parts
from signals.replay.replay import Replay
from signals.replay.snapshot_schedule import SnapshotSchedule
from telemetry.gc_tuning import gc_tuned
from wiring.read_ahead import log_ahead, reading_process
from wiring.signals import SignalPlane

WORTH_A_PROCESS = 100_000
"""Events of the log from which on another process reads it: it takes a second to start."""


def replay_history(
    settings: Settings,
    plane: SignalPlane,
    anchors: Sequence[str],
    through: int | None = None,
    looks: SnapshotSchedule | None = None,
) -> Journeys:
    """Write the offline history from the log; returns the journeys of leads.

    `through`: only the first so many events that arrived. `looks`: the moments at which history is
    read.
    """
    from feature_repo.store import HistoryFile
    from feature_repo.views import ACCOUNTS, LEADS

    offline = settings.home / "offline"
    offline.mkdir(parents=True, exist_ok=True)
    files = HistoryFile(offline / LEADS), HistoryFile(offline / ACCOUNTS)
    replay = Replay(plane.writer, *files, looks)
    with gc_tuned():
        if event_log.size(plane.engine) < WORTH_A_PROCESS:
            parts = read_parts(plane.engine, plane.writer.matcher, anchors, through)
            journeys = replay.run(parts)
        else:
            with reading_process() as pool:
                journeys = replay.run(log_ahead(pool, settings, anchors, through))
    for file in files:
        file.close()
    return journeys
