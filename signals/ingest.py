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
from signals.outbox import PUSH_WAIT_S, drain, pushing
from signals.preparing import Prepared, Preparer, counted, together
from signals.quarantine import Rejected
from signals.reading import Accepted, Reader
from signals.turns import Turns
from signals.writer import Writer

_MOSTLY = 0.95
"""Where so many of a batch's events are new, the gates look at all of them as they came."""


class Ingest:
    """Takes documents in. Calls may come from many threads and processes."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        online: StateWriter,
        clock: Clock,
        push_wait_s: float = PUSH_WAIT_S,
    ) -> None:
        """`push_wait_s`: how long another's push of states is waited for."""
        self._push_wait_s = push_wait_s
        self._writer = writer
        self._door = reader.door
        self.preparer = Preparer(reader, writer.matcher, reader.door.fields)
        self._online = online
        self._clock = clock
        self._turns = Turns(self.commit_parts)

    def accept(self, documents: Sequence[bytes], origin: str, first_line: int = 1) -> Counts:
        """Take JSON documents in: committed and pushed online when this returns.

        Calls that come from other threads meanwhile share a transaction.
        """
        numbered = [(first_line + i, d) for i, d in enumerate(documents)]
        counts = self._turns.commit(self.preparer.prepare(numbered, origin))
        self.push()
        return counts

    def commit(self, documents: Iterable[tuple[int, bytes]], origin: str) -> Counts:
        """Commit (line, document) pairs in one transaction.

        States are announced in the outbox, not yet pushed online. Raises Refused where a quality
        gate stops the batch: nothing of it is kept then.
        """
        return self.commit_parts([self.preparer.prepare(list(documents), origin)])[0]

    def commit_parts(self, parts: Sequence[Prepared], *, whole: bool = False) -> list[Counts]:
        """Commit in one transaction what was read before; what became of each part.

        `whole`: the parts are all of a delivery. Raises Refused, as `commit` does.
        """
        batch, found = together(parts), Findings()
        found.merge(batch.found)
        try:
            with self._writer.transaction() as connection:
                counts = self._commit(connection, parts, batch, found, whole)
        except Refused:
            self._keep(found)
            raise
        self._door.committed(found)
        return counts

    def _commit(
        self,
        connection: Connection,
        parts: Sequence[Prepared],
        batch: Prepared,
        found: Findings,
        whole: bool,  # noqa: FBT001
    ) -> list[Counts]:
        """Judge the batch, log what is new and make it count, keep what was refused."""
        told, now_us = batch.arrivals, to_us(self._clock.now())
        places = log.unseen(connection, told.keys)
        fresh = take(told, places)
        seen = batch.stats
        if len(places) < _MOSTLY * len(told.keys):
            seen = self._door.observe(map(decode, fresh.bodies))
        newest = int(fresh.known_us.max(initial=0))
        bad = [r.body for r in quarantine.unseen(connection, batch.refused)]
        self._door.admit(connection, seen, bad, newest, found, whole=whole)
        if places:
            self._writer.batch(connection).add(fresh)
        kept = [quarantine.put(connection, part.refused, now_us) for part in parts]
        counts = counted(parts, places, kept)
        log.add_totals(connection, sum(counts, Counts()))
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
        with pushing(w.engine, self._push_wait_s):
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
