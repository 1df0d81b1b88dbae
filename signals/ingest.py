"""The one way into the log: checked, deduplicated, resolved, logged, folded, announced."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from domain.clock import Clock, to_us
from domain.errors import Refused
from domain.findings import Findings
from domain.ports import StateWriter
from domain.signals import Counts
from signals import log, quarantine
from signals.outbox import drain, pushing
from signals.quarantine import Rejected
from signals.reading import Accepted, Reader
from signals.writer import Writer


class Ingest:
    """Takes documents in. Calls may come from many threads and processes."""

    def __init__(self, writer: Writer, reader: Reader, online: StateWriter, clock: Clock) -> None:
        self._writer = writer
        self._reader = reader
        self._online = online
        self._clock = clock

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
        *,
        whole: bool = False,
    ) -> Counts:
        """Commit (line, document) pairs, and rows rejected before, in one transaction.

        States are announced in the outbox, not yet pushed online. `whole`: it is all of a delivery.
        Raises Refused where a quality gate stops the batch: nothing of it is kept then.
        """
        found, door = Findings(), self._reader.door
        accepted, refused = self._reader.read_all(documents, origin, found)
        refused += rejected
        try:
            with self._writer.transaction() as connection:
                fresh = log.unseen(connection, accepted)
                newest = max((a.known_us for a in fresh), default=0)
                bad = [r.body for r in quarantine.unseen(connection, refused)]
                told = [a.signal for a in fresh]
                door.admit(connection, told, bad, newest, found, whole=whole)
                counts = self._commit(connection, len(accepted), fresh, refused)
        except Refused:
            self._keep(found)
            raise
        door.committed(found)
        return counts

    def _commit(
        self,
        connection: Connection,
        sound: int,
        fresh: Sequence[Accepted],
        refused: Sequence[Rejected],
    ) -> Counts:
        """Log what is new and make it count; keep what was refused."""
        self._add(connection, fresh)
        kept = quarantine.put(connection, refused, to_us(self._clock.now()))
        received = sound + len(refused)
        counts = Counts(
            received=received,
            accepted=len(fresh),
            duplicates=received - len(fresh) - kept,
            quarantined=kept,
        )
        log.add_totals(connection, counts)
        return counts

    def _keep(self, found: Findings) -> None:
        """Keep what was found in a batch that was refused whole."""
        with self._writer.transaction() as connection:
            self._reader.door.stopped(connection, found)

    def push(self) -> None:
        """Push announced states online until none is left."""
        w = self._writer
        with pushing(w.engine):
            while drain(w.engine, w.states, self._online):
                pass

    def replay_quarantine(self) -> Counts:
        """Try everything in quarantine again; what is accepted now leaves it."""
        counts = Counts()
        for held in quarantine.take_all(self._writer.engine):
            counts += self._release(held)
        self.push()
        return counts

    def _add(self, connection: Connection, fresh: Sequence[Accepted]) -> None:
        if fresh:
            self._writer.batch(connection).add(fresh)

    def _release(self, held: Sequence[Rejected]) -> Counts:
        """Commit those quarantined documents that can be accepted now."""
        accepted: list[Accepted] = []
        released: list[Rejected] = []
        for one in held:
            sound, _ = self._reader.read_all([(one.line, one.body)], one.origin, Findings())
            accepted += sound
            released += [one] * len(sound)
        with self._writer.transaction() as connection:
            fresh = log.unseen(connection, accepted)
            self._add(connection, fresh)
            gone = quarantine.remove(connection, released)
            new, twice = len(fresh), gone - len(fresh)
            log.add_totals(connection, Counts(accepted=new, duplicates=twice, quarantined=-gone))
        return Counts(
            received=len(held), accepted=new, duplicates=twice, quarantined=len(held) - gone
        )
