"""The one way into the log: checked, deduplicated, resolved, logged, folded, announced."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Engine

from domain.clock import Clock, to_us
from domain.ports import StateWriter
from domain.signals import Counts
from signals import log, quarantine
from signals.batch import Batch
from signals.matching import Matcher
from signals.outbox import drain
from signals.quarantine import Rejected
from signals.reading import Reader
from signals.schema import writing
from signals.states import StateStore


class Ingest:
    """Takes documents in. Calls may come from many threads and processes."""

    def __init__(
        self, engine: Engine, reader: Reader, states: StateStore, writer: StateWriter, clock: Clock
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._states = states
        self._writer = writer
        self._clock = clock
        self._matcher = Matcher(states.definition)

    def accept(self, documents: Sequence[bytes], origin: str, first_line: int = 1) -> Counts:
        """Take JSON documents in: committed and pushed online when this returns."""
        counts = self.commit([(first_line + i, d) for i, d in enumerate(documents)], origin)
        self.push()
        return counts

    def commit(
        self,
        documents: Iterable[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        """Commit (line, document) pairs, and rows rejected before, in one transaction.

        States are announced in the outbox, not yet pushed online.
        """
        accepted, refused = self._reader.read_all(documents, origin)
        refused += rejected
        received = len(accepted) + len(refused)
        with self._engine.connect() as connection:
            writing(connection)
            fresh = log.unseen(connection, accepted)
            if fresh:
                Batch(self._states, self._matcher, fresh).commit(connection)
                log.append(connection, fresh)
            kept = quarantine.put(connection, refused, to_us(self._clock.now()))
            counts = Counts(
                received=received,
                accepted=len(fresh),
                duplicates=received - len(fresh) - kept,
                quarantined=kept,
            )
            log.add_totals(connection, counts)
            connection.commit()
        return counts

    def push(self) -> None:
        """Push announced states online until none is left."""
        while drain(self._engine, self._states, self._writer):
            pass

    def replay_quarantine(self) -> Counts:
        """Try everything in quarantine again; what is accepted now leaves it."""
        held = quarantine.take_all(self._engine)
        counts = Counts()
        for one in held:
            counts += self._release(one)
        self.push()
        return counts

    def _release(self, held: Rejected) -> Counts:
        """Commit one quarantined document if it can be accepted now."""
        accepted, refused = self._reader.read_all([(held.line, held.body)], held.origin)
        if refused:
            return Counts(received=1, quarantined=1)
        with self._engine.connect() as connection:
            writing(connection)
            fresh = log.unseen(connection, accepted)
            if fresh:
                Batch(self._states, self._matcher, fresh).commit(connection)
                log.append(connection, fresh)
            released = quarantine.remove(connection, held)
            change = Counts(
                accepted=len(fresh), duplicates=released - len(fresh), quarantined=-released
            )
            log.add_totals(connection, change)
            connection.commit()
        return Counts(received=1, accepted=len(fresh), duplicates=1 - len(fresh))
