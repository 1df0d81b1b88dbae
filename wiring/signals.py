"""The signal plane, put together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from config.home_definition import definition_of
from config.settings import Settings
from domain.clock import SystemClock
from domain.definition import FeatureDefinition
from domain.errors import BadConfiguration
from domain.ports import StateWriter
from signals.contracts.contract import Contract
from signals.contracts.contract_file import write_contract as keep_contract
from signals.contracts.registry import PACKAGED, ContractRegistry, all_contracts
from signals.events.feature_matching import Matcher
from signals.events.preparation import Preparer
from signals.events.validation import EventValidator
from signals.identifiers.normalization import IdentifierReader
from signals.identity.directory import Directory
from signals.ingest.ingest import Ingest
from signals.ingest.outbox import PUSH_WAIT_S
from signals.ingest.transactions import Writer
from signals.replay.log_reader import Part, read_parts
from signals.store.feature_states import StateStore
from signals.store.tables import create_tables
from storage.engine import open_engine
from storage.files import private_folder, write_whole
from wiring.quality import load_quality

LIVE_PUSH_WAIT_S = 10.0
"""How long another's push online is waited for where somebody waits for an answer."""


@dataclass(frozen=True, slots=True)
class SignalPlane:
    """What the signal plane offers. `ingest.push` needs the online store and loads it."""

    engine: Engine
    definition: FeatureDefinition
    writer: Writer
    ingest: Ingest
    directory: Directory


class LazyWriter:
    """The online store, opened when first written to: Feast takes seconds to import."""

    def __init__(self, open_store: Callable[[], StateWriter]) -> None:
        self._open = open_store
        self._store: StateWriter | None = None

    def _get(self) -> StateWriter:
        if self._store is None:
            self._store = self._open()
        return self._store

    def write_leads(self, *arguments: object) -> None:
        """Push lead states."""
        self._get().write_leads(*arguments)  # type: ignore[arg-type]

    def write_accounts(self, *arguments: object) -> None:
        """Push account vectors."""
        self._get().write_accounts(*arguments)  # type: ignore[arg-type]

    def forget(self, leads: Sequence[str]) -> None:
        """Empty merged leads."""
        self._get().forget(leads)


def adopt(
    settings: Settings, definition: FeatureDefinition, contracts: Sequence[Contract] = ()
) -> None:
    """Make a definition and contracts the home's own; a home keeps one definition at a time."""
    private_folder(settings.home)
    path = settings.definition_file
    if path.is_file() and definition_of(settings).fingerprint != definition.fingerprint:
        raise BadConfiguration(
            f"the home keeps features {definition_of(settings).label}, "
            f"these events are for {definition.label}",
            rule="one-definition-per-home",
            where=str(settings.home),
            todo="Set LEADSCORE_HOME to another folder, or run `leadscore features rebuild`.",
        )
    for contract in contracts:
        keep_contract(contract, settings.contracts)
    write_definition(path, definition)


def contract_book(settings: Settings) -> ContractRegistry:
    """Every version of every contract: the product's, and the home's."""
    return ContractRegistry(all_contracts(PACKAGED, settings.contracts))


def write_definition(path: Path, definition: FeatureDefinition) -> None:
    """Write a definition, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(definition)))


def open_preparer(settings: Settings) -> Preparer:
    """What reads documents of files, without a database."""
    book = contract_book(settings)
    contracts = book.contracts.values()
    door = load_quality(settings.home, contracts).door(contracts)
    reader = EventValidator(
        book, SystemClock(), door, IdentifierReader(settings.identity), stamp=False
    )
    return Preparer(reader, Matcher(definition_of(settings), book.upcast), door.fields)


def open_signals(
    settings: Settings,
    *,
    live: bool = False,
    let_through: bool = False,
    wait_s: float | None = None,
) -> SignalPlane:
    """The signal plane of a home. Raises Missing for an empty home.

    `live`: somebody waits for an answer, so another's lock is waited for no longer than `wait_s`,
    or than the settings say. Signals that do not say when they became known became known when they
    arrive then; those of a file became known when they happened. `let_through`: a quality gate
    that would stop a batch only counts it.
    """
    definition = definition_of(settings)
    # nobody waits for an answer yet: a new index on a long log may take its time
    engine = patient = open_engine(settings.signals_db)
    create_tables(patient)
    if wait_s is None:
        wait_s = settings.signals_wait_ms / 1000 if live else -1.0
    if live:
        patient.dispose()
        engine = open_engine(settings.signals_db, wait_s, watched=False)
    clock, book = SystemClock(), contract_book(settings)
    contracts = book.contracts.values()
    door = load_quality(settings.home, contracts).door(contracts, let_through=let_through)
    states = StateStore(definition)
    writer = Writer(engine, states, settings.identity, upcast=book.upcast, wait_s=wait_s)
    stamp = live and settings.clock == "system"
    reader = EventValidator(book, clock, door, writer.identifiers, stamp=stamp)

    def online() -> StateWriter:
        from wiring.features import open_features

        return open_features(settings, definition)

    push_wait_s = max(LIVE_PUSH_WAIT_S, wait_s) if live else PUSH_WAIT_S
    ingest = Ingest(writer, reader, LazyWriter(online), clock, push_wait_s)
    directory = Directory(engine, writer.identifiers)
    return SignalPlane(engine, definition, writer, ingest, directory)


def log_parts(settings: Settings, anchors: Sequence[str], through: int | None) -> Iterator[Part]:
    """The log of a home by columns, for a process that has no plane open."""
    matcher = Matcher(definition_of(settings), contract_book(settings).upcast)
    return read_parts(open_engine(settings.signals_db), matcher, anchors, through)
