"""Stand-ins for ports, real in what they promise and in memory."""

from collections.abc import Sequence

from domain.errors import Unavailable
from domain.state import Matrix


class MemoryWriter:
    """A `StateWriter` that keeps the last write of each entity; it fails when told to."""

    def __init__(self) -> None:
        self.leads: dict[str, tuple[bytes, tuple[str, ...], int]] = {}
        self.accounts: dict[str, tuple[bytes, int]] = {}
        self.broken = False

    def write_leads(
        self,
        leads: Sequence[str],
        states: Matrix,
        texts: Sequence[Sequence[str]],
        known_us: Sequence[int],
    ) -> None:
        self._check()
        for lead, state, text, us in zip(leads, states, texts, known_us, strict=True):
            self.leads[lead] = (state.tobytes(), tuple(text), us)

    def write_accounts(
        self, accounts: Sequence[str], vectors: Matrix, known_us: Sequence[int]
    ) -> None:
        self._check()
        for account, vector, us in zip(accounts, vectors, known_us, strict=True):
            self.accounts[account] = (vector.tobytes(), us)

    def forget(self, leads: Sequence[str]) -> None:
        self._check()
        for lead in leads:
            self.leads.pop(lead, None)

    def _check(self) -> None:
        if self.broken:
            raise Unavailable("down", rule="online-store")


class RowsSink:
    """A `HistorySink` that keeps everything."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, Matrix, tuple[str, ...]]] = []

    def add(
        self,
        entities: Sequence[str],
        known_us: Sequence[int],
        states: Matrix,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        held = texts or [()] * len(entities)
        for entity, us, state, text in zip(entities, known_us, states, held, strict=True):
            self.rows.append((entity, us, state.copy(), tuple(text)))

    def last(self) -> dict[str, tuple[int, Matrix, tuple[str, ...]]]:
        return {entity: (us, state, text) for entity, us, state, text in self.rows}
