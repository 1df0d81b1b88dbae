"""The audit trail with a spool before it: while it is away, decisions wait on disk."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from decisions.audit.spool import Spool
from decisions.audit.tables import AUDIT
from decisions.audit.trail import AnchorCallback, AuditTrail, unheard
from domain.circuit_breaker import CircuitBreaker
from domain.decisions import DecisionRecord
from domain.errors import Refused, Unavailable


class SpooledTrail(AuditTrail):
    """Records in the trail, or in the spool until the trail takes it, in the order of recording.

    A decision, and the answer to a request's key, is found in either. Everything else that reads
    the trail sees what is in the trail. While it cannot be read, whether a key was answered is
    known of spooled ones alone: of others `answered` raises Unavailable.
    """

    def __init__(
        self,
        engine: sa.Engine,
        wait_s: float,
        spool: Spool,
        breaker: CircuitBreaker,
        on_append: AnchorCallback = unheard,
    ) -> None:
        super().__init__(engine, wait_s, on_append)
        self._spool = spool
        self._breaker = breaker

    def append(self, records: Sequence[DecisionRecord]) -> None:
        """As `AuditTrail.append`; Unavailable only where the spool cannot take them either."""
        if self._breaker.allows():
            try:
                self.drain()
                super().append(records)
            except Unavailable:
                self._breaker.failed()
            else:
                self._breaker.worked()
                return
        self.check(records)
        self._spool.add(records)

    def drain(self) -> None:
        """Move what waits into the trail. Raises Unavailable."""
        if not self._spool.is_empty():
            self._spool.drain(self._take)

    def get(self, decision_id: str) -> DecisionRecord:
        """One decision, wherever it is. Raises Missing; Unavailable."""
        waiting = None if self._spool.is_empty() else self._spool.get(decision_id)
        return waiting if waiting is not None else super().get(decision_id)

    def answered(self, keys: Sequence[str]) -> dict[str, DecisionRecord]:
        """By key, the decisions that requests of these keys were answered with. Unavailable."""
        waiting = {} if self._spool.is_empty() else self._spool.answered(keys)
        others = [key for key in keys if key not in waiting]
        return {**super().answered(others), **waiting} if others else waiting

    def _take(self, records: Sequence[DecisionRecord]) -> None:
        """Record those that are not in the trail yet: a drain may be done again."""
        ids = [record.answer.decision_id for record in records]
        query = sa.select(AUDIT.c.decision_id).where(AUDIT.c.decision_id.in_(ids))
        known = {row.decision_id for row in self._read(query)}
        new = [record for record in records if record.answer.decision_id not in known]
        try:
            super().append(new)
        except Refused:
            for record in new:
                self._take_one(record)

    def _take_one(self, record: DecisionRecord) -> None:
        try:
            super().append([record])
        except Refused:
            # another process answered the same key meanwhile: both answers were given, the key
            # stays the first one's
            super().append([msgspec.structs.replace(record, request=None)])
