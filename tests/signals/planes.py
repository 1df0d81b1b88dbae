"""Signal planes for tests: real SQLite, an online store in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, select

from domain.clock import SystemClock
from domain.definition import FeatureDefinition
from domain.signals import Signal, encode
from domain.state import COUNT, Vector
from feature_repo.standard import standard_service
from signals.contracts.contract import Contract
from signals.contracts.registry import ContractRegistry, standard_contracts
from signals.events.validation import EventValidator
from signals.identifiers.rules import IdentityRules
from signals.ingest.ingest import Ingest
from signals.ingest.transactions import Writer
from signals.replay.log_reader import CHUNK, Part, read_parts
from signals.store.feature_states import StateStore
from signals.store.tables import create_tables, identifiers
from storage.engine import open_engine
from tests.doubles import MemoryWriter
from wiring.quality import Quality

DEFINITION: FeatureDefinition = standard_service()


@dataclass
class Plane:
    engine: Engine
    signals: Writer
    writer: MemoryWriter
    ingest: Ingest

    def accept(self, signals: Sequence[Signal], batch: int = 1000) -> None:
        documents = [encode(s) for s in signals]
        for at in range(0, len(documents), batch):
            self.ingest.accept(documents[at : at + batch], "test", at + 1)

    def parts(self, chunk: int = CHUNK) -> Iterator[Part]:
        return read_parts(self.engine, self.signals.matcher, chunk=chunk)

    def partition(self) -> dict[str, str]:
        with self.engine.connect() as connection:
            return {r.key: r.lead_id for r in connection.execute(select(identifiers))}

    def online(self) -> dict[str, tuple[Vector, tuple[str, ...], int]]:
        return {k: (np.frombuffer(s), t, us) for k, (s, t, us) in self.writer.leads.items()}

    def online_accounts(self) -> dict[str, Vector]:
        """Accounts that have people; one that everybody left is zeros, as if it never was."""
        held = {k: np.frombuffer(v) for k, (v, _) in self.writer.accounts.items()}
        return {k: v for k, v in held.items() if v[COUNT]}


def open_plane(folder: Path, name: str = "signals.db", rules: IdentityRules | None = None) -> Plane:
    engine = open_engine(f"sqlite:///{folder / name}")
    create_tables(engine)
    signals, writer = Writer(engine, StateStore(DEFINITION), rules), MemoryWriter()
    reader = reader_of(standard_contracts().values())
    return Plane(engine, signals, writer, Ingest(signals, reader, writer, SystemClock()))


def reader_of(contracts: Iterable[Contract]) -> EventValidator:
    """A reader by these contracts and the packaged quality gates."""
    held = list(contracts)
    return EventValidator(ContractRegistry(held), SystemClock(), Quality().door(held), stamp=False)


def assert_same(one: Plane, other: Plane) -> None:
    assert one.partition() == other.partition()
    a, b = one.online(), other.online()
    assert a.keys() == b.keys()
    for lead, (state, texts, us) in a.items():
        np.testing.assert_allclose(state, b[lead][0], rtol=1e-9, atol=1e-9)
        assert (texts, us) == b[lead][1:]
    assert_close(one.online_accounts(), other.online_accounts())


def assert_close(a: dict[str, Vector], b: dict[str, Vector]) -> None:
    assert a.keys() == b.keys()
    for key, vector in a.items():
        np.testing.assert_allclose(vector, b[key], rtol=1e-9, atol=1e-9)


def keys_of(signals: Iterable[Signal]) -> list[tuple[str, ...]]:
    from signals.identifiers.normalization import read_identifiers

    return [read_identifiers(s.identifiers).keys for s in signals]
