"""The one way into the log: checked, deduplicated, resolved, logged, folded, announced."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import asdict, replace
from sqlalchemy import Connection

from domain.clock import Clock, to_us
from domain.errors import Refused
from domain.findings import QualityFindings
from domain.ports import StateWriter
from domain.signals import MOST_REFUSED, Counts, Receipt, RefusedEvent, decode
from signals.events import event_log
from signals.events.event_columns import arrivals, take
from signals.events.preparation import PreparedDocuments, Preparer, counted, together
from signals.events.validation import EventValidator, ValidEvent
from signals.ingest.group_commit import GroupCommit
from signals.ingest.outbox import PUSH_WAIT_S, drain, pushing
from signals.ingest.transactions import Writer
from signals.store import quarantine
from signals.store.quarantine import Rejected

_MOSTLY = 0.95
"""Where so many of a batch's events are new, the gates look at all of them as they came."""


class Ingest:
    """Takes documents in. Calls may come from many threads and processes."""

    def __init__(
        self,
        writer: Writer,
        reader: EventValidator,
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
        self._turns = GroupCommit(self.commit_parts)

    def accept(self, documents: Sequence[bytes], origin: str, first_line: int = 1) -> Counts:
        """Take JSON documents in: committed and pushed online when this returns.

        Calls that come from other threads meanwhile share a transaction.
        """
        return self._take(self._prepare(documents, origin, first_line))

    def receive(self, documents: Sequence[bytes], origin: str) -> Receipt:
        """As `accept`; returns which documents were refused, too."""
        prepared = self._prepare(documents, origin, 1)
        counts = self._take(prepared)
        documents_read = [
            RefusedEvent(index=one.line - 1, rule=one.rule, detail=one.detail)
            for one in prepared.refused[:MOST_REFUSED]
        ]
        return Receipt(
            **asdict(counts), refused=documents_read, refused_total=len(prepared.refused)
        )

    def _prepare(
        self, documents: Sequence[bytes], origin: str, first_line: int
    ) -> PreparedDocuments:
        numbered = [(first_line + i, d) for i, d in enumerate(documents)]
        return self.preparer.prepare(numbered, origin)

    def _take(self, prepared: PreparedDocuments) -> Counts:
        counts = self._turns.commit(prepared)
        self.push()
        return counts

    def commit(
        self,
        documents: Iterable[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        """Commit (line, document) pairs, and rows that a mapping rejected, in one transaction.

        States are announced in the outbox, not yet pushed online. Raises Refused where a quality
        gate stops the batch: nothing of it is kept then.
        """
        part = self.preparer.prepare(list(documents), origin)
        return self.commit_parts([part._replace(refused=[*part.refused, *rejected])])[0]

    def commit_parts(
        self, parts: Sequence[PreparedDocuments], *, whole: bool = False
    ) -> list[Counts]:
        """Commit in one transaction what was read before; what became of each part.

        `whole`: the parts are all of a delivery. Raises Refused, as `commit` does.
        """
        batch, findings = together(parts), QualityFindings()
        findings.merge(batch.findings)
        try:
            with self._writer.transaction() as connection:
                counts = self._commit(connection, parts, batch, findings, whole)
        except Refused:
            self._keep(findings)
            raise
        self._door.committed(findings)
        return counts

    def _commit(
        self,
        connection: Connection,
        parts: Sequence[PreparedDocuments],
        batch: PreparedDocuments,
        findings: QualityFindings,
        whole: bool,  # noqa: FBT001
    ) -> list[Counts]:
        """Judge the batch, log what is new and make it count, keep what was refused."""
        columns, now_us = batch.arrivals, to_us(self._clock.now())
        places = event_log.unseen(connection, columns.keys)
        fresh = take(columns, places)
        statistics = batch.stats
        if len(places) < _MOSTLY * len(columns.keys):
            statistics = self._door.observe(map(decode, fresh.bodies))
        newest = int(fresh.known_us.max(initial=0))
        quarantined = _quarantined(connection, batch)
        bad = quarantine.unseen(connection, _never_held(batch.refused, quarantined))
        self._door.admit(connection, statistics, bad, newest, findings, whole=whole)
        if places:
            self._writer.batch(connection).add(fresh)
        refused = [_never_held(part.refused, quarantined) for part in parts]
        kept = [quarantine.put(connection, those, now_us) for those in refused]
        cured = quarantine.come_in(connection, columns.keys, columns.bodies)
        quarantine.remove(connection, cured)
        counts = counted(parts, places, kept, _places(columns.keys, cured.values()))
        event_log.add_totals(connection, _once(sum(counts, Counts()), cured))
        return counts

    def _keep(self, findings: QualityFindings) -> None:
        """Store the findings of a batch that was refused as a whole."""
        with self._writer.transaction() as connection:
            self._door.stopped(connection, findings)

    @property
    def findings(self) -> QualityFindings:
        """The findings of the gates in this process."""
        return self._door.findings

    def push(self) -> None:
        """Push announced states online until none is left."""
        w = self._writer
        with pushing(w.engine, self._push_wait_s):
            while drain(w.engine, w.states, self._online):
                pass

    def replay_quarantine(self) -> Counts:
        """Check all quarantined documents again; those that are accepted leave quarantine."""
        counts = Counts()
        for rejected in quarantine.take_all(self._writer.engine):
            counts += self._release(rejected)
        self.push()
        return counts

    def _release(self, rejected: Mapping[str, Rejected]) -> Counts:
        """Commit those quarantined documents that can be accepted now."""
        accepted: list[ValidEvent] = []
        released: set[str] = set()
        for i, one in rejected.items():
            if one.row_keys:  # a row as a mapping read it, whatever it looks like
                continue
            documents = [(one.line, one.body)]
            sound, _ = self.preparer.reader.read_all(documents, one.origin, QualityFindings())
            accepted += sound
            released.update([i] * len(sound))
        columns = arrivals(accepted, self._writer.matcher)
        with self._writer.transaction() as connection:
            fresh = take(columns, event_log.unseen(connection, columns.keys))
            if fresh.keys:
                self._writer.batch(connection).add(fresh)
            released.update(quarantine.come_in(connection, columns.keys, columns.bodies))
            logged = event_log.holding(
                connection, {key for one in rejected.values() for key in one.keys}
            )
            released.update(i for i, one in rejected.items() if not logged.isdisjoint(one.keys))
            removed = quarantine.remove(connection, released)
            new, twice = len(fresh.keys), removed - len(fresh.keys)
            counts = Counts(accepted=new, duplicates=twice, quarantined=-removed, cured=removed)
            event_log.add_totals(connection, counts)
        stay = len(rejected.keys() - released)
        return replace(counts, received=new + twice + stay, quarantined=stay)


def _quarantined(connection: Connection, batch: PreparedDocuments) -> set[str]:
    """Keys of refused documents of which the log, or the batch, has the event."""
    keys = {key for one in batch.refused for key in one.keys}
    return (
        event_log.holding(connection, keys) | keys.intersection(batch.arrivals.keys)
        if keys
        else keys
    )


def _never_held(refused: Sequence[Rejected], quarantined: set[str]) -> list[Rejected]:
    """Refused documents of which no event has come in."""
    return [one for one in refused if quarantined.isdisjoint(one.keys)]


def _places(keys: Sequence[str], wanted: Iterable[str]) -> list[int]:
    """The place of the first event of each wanted key, ascending."""
    first = {key: place for place, key in reversed(list(enumerate(keys)))} if wanted else {}
    return sorted(first[key] for key in wanted)


def _once(counts: Counts, cured: Mapping[str, str]) -> Counts:
    """A batch's counts for the totals: what cures a document was received with that document.

    Several documents that one event cures are duplicates, but for one.
    """
    again = len(set(cured.values()))
    return replace(
        counts,
        received=counts.received - again,
        duplicates=counts.duplicates + len(cured) - again,
        quarantined=counts.quarantined - len(cured),
    )
