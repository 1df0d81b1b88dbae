"""The loop's store of a home, and the moment that its jobs go by."""

from collections.abc import Callable

from config.home_definition import definition_of
from config.settings import Settings
from domain.clock import SystemClock
from jobs.operate.run_store import RunStore
from storage.engine import has_database, open_engine
from wiring.clock import moment_of


def open_runs(settings: Settings) -> RunStore:
    """The runs of a home; their table is made where it is missing. Raises Unavailable."""
    return RunStore(open_engine(settings.operate_db), SystemClock())


def has_runs(settings: Settings) -> bool:
    """Whether there is a database to read: whoever only reads makes none."""
    return has_database(settings.operate_db)


def home_moment(settings: Settings) -> Callable[[], int]:
    """What tells the moment of a home, by its own clock. Raises Missing for an empty home."""
    definition_of(settings)
    return moment_of(settings)
