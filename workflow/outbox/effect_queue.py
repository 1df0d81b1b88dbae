"""Workers' side of the outbox: claim what is due under a lease, and settle what became of it."""

import secrets
from collections.abc import Callable, Iterable
from random import SystemRandom
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from domain.clock import SECOND, Clock, to_us
from storage.sql import insert_into, take_write_lock
from workflow.effect import Effect
from workflow.outbox.journal import in_workflow
from workflow.outbox.receipt import EffectReceipt
from workflow.outbox.retries import MOST_INTERRUPTIONS, RetryLimits, bounded_wait_s
from workflow.outbox.tables import CONNECTORS, EFFECTS

LONGEST_CAUSE = 500
LOCK = 0x1EAD_0E45
"""PostgreSQL's advisory lock of the connectors' state."""
FIRST_AWAY_S = 30.0
LONGEST_AWAY_S = 3_600.0
"""A receiver that is away is left alone for so long at first, then twice as long, at most this."""
_uniform = SystemRandom().random


class ClaimedEffect(NamedTuple):
    """An effect that this worker alone may deliver, until its lease runs out.

    `in_doubt`: another began to deliver it, and nobody knows whether it did. `failures`: how often
    it failed so far, `since_us` when it was asked for, or was last tried again by a person.
    """

    sequence: int
    holder: str
    effect: Effect
    in_doubt: bool = False
    failures: int = 0
    since_us: int = 0


class ConnectorPause(NamedTuple):
    """A connector that is left alone until a moment; `failures` in a row."""

    not_before_us: int = 0
    failures: int = 0
    cause: str = ""


class SettledCounts(NamedTuple):
    """What became of effects: how many had each end."""

    delivered: int = 0
    postponed: int = 0
    dead: int = 0
    lost: int = 0
    """Leases that ran out before the outcome was noted: another worker has these."""

    def plus(self, other: "SettledCounts") -> "SettledCounts":
        """Both together."""
        return SettledCounts(*(a + b for a, b in zip(self, other, strict=True)))


_decoder = msgspec.json.Decoder(Effect)
_EARLIER = EFFECTS.alias("earlier")


class EffectQueue:
    """The effects of one database, whose tables are there. Every method may raise Unavailable."""

    def __init__(
        self,
        engine: sa.Engine,
        clock: Clock,
        limits: RetryLimits,
        lease_s: float,
        uniform: Callable[[], float] = _uniform,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._limits = limits
        self._lease_us = round(lease_s * SECOND)
        self._uniform = uniform

    @property
    def now_us(self) -> int:
        """The present moment."""
        return to_us(self._clock.now())

    def connectors(self) -> list[str]:
        """The connectors that effects wait for."""
        query = sa.select(EFFECTS.c.connector).where(EFFECTS.c.state == "waiting").distinct()
        with in_workflow(), self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def claim(self, connector: str, limit: int) -> list[ClaimedEffect]:
        """Take at most so many due effects of a connector, none of the same lead twice.

        An effect is due once all effects before it in its lane are settled. Nobody else gets it
        before the lease has run out.
        """
        now_us, holder = self.now_us, secrets.token_hex(16)
        with in_workflow(), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                take_write_lock(connection, 0)
            rows = connection.execute(_due(connector, now_us, limit)).all()
            if rows:
                mine = sa.update(EFFECTS).where(
                    EFFECTS.c.sequence.in_([row.sequence for row in rows])
                )
                connection.execute(
                    mine.values(
                        lease_us=now_us + self._lease_us,
                        holder=holder,
                        begun=EFFECTS.c.begun + 1,
                    )
                )
        return [
            ClaimedEffect(
                row.sequence,
                holder,
                _decoder.decode(row.body),
                bool(row.holder),
                row.failures,
                row.created_us,
            )
            for row in rows
        ]

    def settle(self, outcomes: Iterable[tuple[ClaimedEffect, EffectReceipt]]) -> SettledCounts:
        """Note what became of claimed effects, each only while its lease is this worker's."""
        counts = SettledCounts()
        with in_workflow(), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                take_write_lock(connection, 0)
            for claimed, receipt in sorted(outcomes, key=lambda one: one[0].sequence):
                counts = counts.plus(self._settle(connection, claimed, receipt))
        return counts

    def pause(self, connector: str) -> ConnectorPause:
        """Until when a connector is left alone."""
        query = sa.select(CONNECTORS).where(CONNECTORS.c.connector == connector)
        with in_workflow(), self._engine.connect() as connection:
            row = connection.execute(query).first()
        return ConnectorPause(*row[1:]) if row is not None else ConnectorPause()

    def leave_alone(self, connector: str, cause: str, wait_s: float | None) -> ConnectorPause:
        """Leave a connector alone: for as long as it asks, else longer with each failure."""
        with in_workflow(), self._engine.begin() as connection:
            take_write_lock(connection, LOCK)
            query = sa.select(CONNECTORS).where(CONNECTORS.c.connector == connector)
            row = connection.execute(query).first()
            failures = 0 if row is None else row.failures
            backoff = min(FIRST_AWAY_S * 2.0 ** min(failures, 20), LONGEST_AWAY_S)
            seconds = bounded_wait_s(wait_s) or backoff
            until_us = self.now_us + round(seconds * SECOND)
            before_us = 0 if row is None else row.not_before_us
            pause = ConnectorPause(
                max(until_us, before_us), failures + (not wait_s), cause[:LONGEST_CAUSE]
            )
            _put(connection, connector, pause)
        return pause

    def answered(self, connector: str) -> None:
        """A connector answers again: it is no longer left alone."""
        clear = sa.delete(CONNECTORS).where(CONNECTORS.c.connector == connector)
        with in_workflow(), self._engine.begin() as connection:
            take_write_lock(connection, LOCK)
            connection.execute(clear)

    def forget(self, before_us: int, at_once: int) -> int:
        """Remove effects that were delivered or dropped before a moment, at most so many."""
        old = (
            sa.select(EFFECTS.c.sequence)
            .where(EFFECTS.c.state.in_(("delivered", "dropped")), EFFECTS.c.settled_us < before_us)
            .limit(at_once)
        )
        with in_workflow(), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                take_write_lock(connection, 0)
            forgotten = sa.delete(EFFECTS).where(EFFECTS.c.sequence.in_(old.scalar_subquery()))
            return connection.execute(forgotten).rowcount

    def _settle(
        self, connection: sa.Connection, claimed: ClaimedEffect, receipt: EffectReceipt
    ) -> SettledCounts:
        now_us, effect = self.now_us, claimed.effect
        free = {"lease_us": 0, "holder": ""}
        why = {"rule": receipt.rule[:64], "cause": receipt.cause[:LONGEST_CAUSE]}
        if receipt.verdict == "delivered":
            done = {"state": "delivered", "settled_us": now_us, "rule": "", "cause": ""}
            return _change(connection, claimed, {**free, **done}, SettledCounts(delivered=1))
        if receipt.verdict == "released":
            return _change(connection, claimed, free, SettledCounts(postponed=1))
        failures = claimed.failures + (receipt.verdict in ("again", "away", "never"))
        if receipt.verdict == "never" or self._limits.spent(failures, claimed.since_us, now_us):
            dead = {"state": "dead", "settled_us": now_us, "failures": failures}
            return _change(connection, claimed, {**free, **why, **dead}, SettledCounts(dead=1))
        wait_us = self._limits.wait_us(max(failures, 1), receipt.wait_s, self._uniform)
        later = {"due_us": now_us + wait_us, "failures": failures}
        counts = _change(connection, claimed, {**free, **why, **later}, SettledCounts(postponed=1))
        if counts.postponed:  # what waits behind it need not be looked at before
            behind = sa.update(EFFECTS).where(
                EFFECTS.c.connector == effect.connector,
                EFFECTS.c.lane == sa.select(EFFECTS.c.lane).where(_is(claimed)).scalar_subquery(),
                EFFECTS.c.state == "waiting",
                EFFECTS.c.sequence > claimed.sequence,
                EFFECTS.c.due_us < now_us + wait_us,
            )
            connection.execute(behind.values(due_us=now_us + wait_us))
        return counts

    def set_aside_fatal(self, connector: str) -> int:
        """Make dead letters of effects over which processes died again and again; how many."""
        fatal = sa.update(EFFECTS).where(
            EFFECTS.c.connector == connector,
            EFFECTS.c.state == "waiting",
            EFFECTS.c.begun - EFFECTS.c.failures > MOST_INTERRUPTIONS,
            EFFECTS.c.lease_us <= self.now_us,
            EFFECTS.c.holder != "",
        )
        values = {
            "state": "dead",
            "settled_us": self.now_us,
            "lease_us": 0,
            "holder": "",
            "rule": "effect-interrupted",
            "cause": f"more than {MOST_INTERRUPTIONS} processes ended while they delivered it",
        }
        with in_workflow(), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                take_write_lock(connection, 0)
            return connection.execute(fatal.values(values)).rowcount


def _due(connector: str, now_us: int, limit: int) -> sa.Select[tuple[int, bytes, str, int, int]]:
    earlier = sa.exists().where(
        _EARLIER.c.connector == connector,
        _EARLIER.c.lane == EFFECTS.c.lane,
        _EARLIER.c.state == "waiting",
        _EARLIER.c.sequence < EFFECTS.c.sequence,
    )
    return (
        sa.select(
            EFFECTS.c.sequence,
            EFFECTS.c.body,
            EFFECTS.c.holder,
            EFFECTS.c.failures,
            EFFECTS.c.created_us,
        )
        .where(
            EFFECTS.c.connector == connector,
            EFFECTS.c.state == sa.literal_column("'waiting'"),  # as the index has it
            EFFECTS.c.due_us <= now_us,
            EFFECTS.c.lease_us <= now_us,
            ~earlier,
        )
        .order_by(EFFECTS.c.due_us, EFFECTS.c.sequence)
        .limit(limit)
        .with_for_update(skip_locked=True, of=EFFECTS)
    )


def _is(claimed: ClaimedEffect) -> sa.ColumnElement[bool]:
    return EFFECTS.c.sequence == claimed.sequence


def _change(
    connection: sa.Connection,
    claimed: ClaimedEffect,
    values: dict[str, object],
    counts: SettledCounts,
) -> SettledCounts:
    """Change a row while it is this worker's; `lost` where it is not any more."""
    mine = sa.update(EFFECTS).where(
        _is(claimed), EFFECTS.c.state == "waiting", EFFECTS.c.holder == claimed.holder
    )
    changed = connection.execute(mine.values(values)).rowcount
    return counts if changed else SettledCounts(lost=1)


def _put(connection: sa.Connection, connector: str, pause: ConnectorPause) -> None:
    insert = insert_into(connection, CONNECTORS).values(connector=connector, **pause._asdict())
    connection.execute(
        insert.on_conflict_do_update(index_elements=["connector"], set_=pause._asdict())
    )
