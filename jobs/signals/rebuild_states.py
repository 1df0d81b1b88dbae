"""Rebuilds all states from the log, for another definition."""

from collections.abc import Callable

from config.settings import Settings
from domain.definition import FeatureDefinition
from domain.signals import Counts
from signals.ingest.rebuild import rebuild
from signals.ingest.transactions import Writer
from signals.store.feature_states import StateStore
from signals.store.tables import create_tables
from storage.engine import open_engine
from wiring.signals import contract_book, open_signals, write_definition


def rebuild_states(
    settings: Settings, definition: FeatureDefinition, progress: Callable[[int], None]
) -> Counts:
    """Keep state for another definition from now on: everything is rebuilt from the log."""
    engine = open_engine(settings.signals_db)
    create_tables(engine)
    upcast = contract_book(settings).upcast
    writer = Writer(engine, StateStore(definition), settings.identity, upcast=upcast)
    done = rebuild(writer, progress)
    write_definition(settings.definition_file, definition)
    open_signals(settings).ingest.push()
    return Counts(received=done, accepted=done)
