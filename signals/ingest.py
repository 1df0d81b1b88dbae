"""The one way into the log: checked, deduplicated, resolved, logged, folded, announced."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from domain.clock import Clock, to_us
from domain.errors import Refused
from domain.findings import Findings
from domain.ports import StateWriter
from domain.signals import Counts, decode
from signals import log, quarantine
from signals.arrivals import arrivals, take
from signals.outbox import drain, pushing
from signals.preparing import Prepared, Preparer
from signals.quarantine import Rejected
from signals.reading import Accepted, Reader
from signals.writer import Writer

_MOSTLY = 0.95
"""Where so many of a batch's events are new, the gates look at all of them as they came."""


class Ingest:
    """Takes documents in. Calls may come from many threads and processes."""

    def __init__(self, writer: Writer, reader: Reader, online: StateWriter, clock: Clock) -> None:
        self._writer = writer
        self._door = reader.door
        self.preparer = Preparer(reader, writer.matcher, reader.door.fields)
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
        prepared = self.preparer.prepare(list(documents), origin)
        return self.commit_prepared(prepared, rejected, whole=whole)

    def commit_prepared(
        self, prepared: Prepared, rejected: Sequence[Rejected] = (), *, whole: bool = False
    ) -> Counts:
        """Commit what was read before, perhaps by another process."""
        found = Findings()
        found.merge(prepared.found)
        try:
            with self._writer.transaction() as connection:
                counts = self._commit(connection, prepared, rejected, found, whole)
        except Refused:
            self._keep(found)
            raise
        self._door.committed(found)
        return counts

    def _commit(
        self,
        connection: Connection,
        prepared: Prepared,
        rejected: Sequence[Rejected],
        found: Findings,
        whole: bool,  # noqa: FBT001
    ) -> Counts:
        """Judge the batch, log what is new and make it count, keep what was refused."""
        told, refused = prepared.arrivals, [*prepared.refused, *rejected]
        places = log.unseen(connection, told.keys)
        fresh = take(told, places)
        seen = prepared.stats
        if len(places) < _MOSTLY * len(told.keys):
            seen = self._door.observe(map(decode, fresh.bodies))
        newest = int(fresh.known_us.max(initial=0))
        bad = [r.body for r in quarantine.unseen(connection, refused)]
        self._door.admit(connection, seen, bad, newest, found, whole=whole)
        if places:
            self._writer.batch(connection).add(fresh)
        kept = quarantine.put(connection, refused, to_us(self._clock.now()))
        received = len(told.keys) + len(refused)
        counts = Counts(
            received=received,
            accepted=len(places),
            duplicates=received - len(places) - kept,
            quarantined=kept,
        )
        log.add_totals(connection, counts)
        return counts

    def _keep(self, found: Findings) -> None:
        """Keep what was found in a batch that was refused whole."""
        with self._writer.transaction() as connection:
            self._door.stopped(connection, found)

    @property
    def findings(self) -> Findings:
        """What the gates found in this process."""
        return self._door.findings

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

    def _release(self, held: Sequence[Rejected]) -> Counts:
        """Commit those quarantined documents that can be accepted now."""
        accepted: list[Accepted] = []
        released: list[Rejected] = []
        for one in held:
            documents = [(one.line, one.body)]
            sound, _ = self.preparer.reader.read_all(documents, one.origin, Findings())
            accepted += sound
            released += [one] * len(sound)
        told = arrivals(accepted, self._writer.matcher)
        with self._writer.transaction() as connection:
            fresh = take(told, log.unseen(connection, told.keys))
            if fresh.keys:
                self._writer.batch(connection).add(fresh)
            gone = quarantine.remove(connection, released)
            new, twice = len(fresh.keys), gone - len(fresh.keys)
            log.add_totals(connection, Counts(accepted=new, duplicates=twice, quarantined=-gone))
        return Counts(
            received=len(held), accepted=new, duplicates=twice, quarantined=len(held) - gone
        )
