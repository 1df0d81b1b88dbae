"""People's side of the outbox: what waits, what is dead and why; tried again, or dropped."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from domain.clock import Clock, to_us
from domain.errors import BadInput, Missing, Refused
from storage.sql import take_write_lock
from workflow.effect import Effect
from workflow.outbox.journal import (
    LOCK,
    EffectsDraft,
    EffectsJournal,
    checked_reason,
    in_workflow,
)
from workflow.outbox.tables import EFFECTS

EffectState = Literal["waiting", "delivered", "dead", "dropped"]
LARGEST_PAGE = 1_000
AT_ONCE = 1_000
"""So many dead letters one call tries again at most."""
_decoder = msgspec.json.Decoder(Effect)


class EffectRow(msgspec.Struct, frozen=True, kw_only=True):
    """An effect in the outbox: where it stands, and why it failed last.

    `due_us` is when it is tried next, `leased` that a worker has it now; moments in microseconds
    since 1970, 0 for none. Its fields are not in here: `effect` of the desk has them.
    """

    sequence: int
    key: str
    connector: str
    action: str
    lead_id: str
    account_id: str
    state: EffectState
    created_us: int
    due_us: int
    settled_us: int
    leased: bool
    failures: int
    rule: str
    cause: str


class EffectDesk:
    """The effects of one database, whose tables are there. Every method may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self.journal = EffectsJournal(engine, clock)

    def rows(
        self,
        limit: int,
        *,
        state: EffectState | None = None,
        connector: str | None = None,
        lead_id: str | None = None,
        before: int | None = None,
    ) -> list[EffectRow]:
        """The newest effects that fit all that is given, the newest first."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE:,}", rule="page-limit")
        wanted: dict[str, Any] = {"state": state, "connector": connector, "lane": lead_id}
        query = sa.select(EFFECTS).order_by(EFFECTS.c.sequence.desc()).limit(limit)
        for name, value in wanted.items():
            if value is not None:
                query = query.where(EFFECTS.c[name] == value)
        if before is not None:
            query = query.where(EFFECTS.c.sequence < before)
        now_us = to_us(self._clock.now())
        with in_workflow(), self._engine.connect() as connection:
            return [_row(row, now_us) for row in connection.execute(query)]

    def counts(self) -> dict[tuple[str, EffectState], int]:
        """How many effects there are, by connector and state."""
        query = sa.select(EFFECTS.c.connector, EFFECTS.c.state, sa.func.count()).group_by(
            EFFECTS.c.connector, EFFECTS.c.state
        )
        with in_workflow(), self._engine.connect() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def effect(self, key: str) -> Effect:
        """One effect, whole. Raises Missing."""
        with in_workflow(), self._engine.connect() as connection:
            row = connection.execute(sa.select(EFFECTS).where(EFFECTS.c.key == key)).first()
        if row is None:
            raise _unknown()
        return _decoder.decode(row.body)

    def dead_keys(self, connector: str | None = None) -> list[str]:
        """The keys of dead letters, the oldest first, at most AT_ONCE."""
        query = sa.select(EFFECTS.c.key).where(EFFECTS.c.state == "dead")
        if connector is not None:
            query = query.where(EFFECTS.c.connector == connector)
        with in_workflow(), self._engine.connect() as connection:
            return list(
                connection.execute(query.order_by(EFFECTS.c.sequence).limit(AT_ONCE)).scalars()
            )

    def retry(
        self, keys: Sequence[str], *, by: str, reason: str, out_of_order: bool = False
    ) -> None:
        """Let dead letters wait for delivery again, all of them or none; it is recorded.

        Raises Missing for an unknown key; Refused where one is no dead letter, or where its
        receiver has a later effect of the same lead already, unless `out_of_order`.
        """
        checked = checked_reason(reason)
        now_us = to_us(self._clock.now())
        with in_workflow(), self._engine.begin() as connection:
            take_write_lock(connection, LOCK)
            for row in self._dead(connection, keys, "tried again"):
                if not out_of_order:
                    _refuse_late(connection, row, now_us)
                values = {"state": "waiting", "due_us": now_us, "settled_us": 0}
                # its days are counted from now on, its failures from none
                _change(connection, row, **values, created_us=now_us, failures=0, begun=0)
                draft = EffectsDraft(kind="retried", subject=row.key, by=by, reason=checked)
                self.journal.append_in(connection, _with(draft, row, out_of_order=out_of_order))

    def drop(self, keys: Sequence[str], *, by: str, reason: str) -> None:
        """Give up effects that wait or are dead, all of them or none; it is recorded.

        Raises Missing for an unknown key, Refused where one is delivered, dropped, or under way.
        """
        checked, now_us = checked_reason(reason), to_us(self._clock.now())
        with in_workflow(), self._engine.begin() as connection:
            take_write_lock(connection, LOCK)
            for row in _locked(connection, keys):
                if row.state not in ("dead", "waiting") or row.lease_us > now_us:
                    raise _not_so(row, "dropped", now_us)
                _change(connection, row, state="dropped", settled_us=now_us, lease_us=0, holder="")
                draft = EffectsDraft(kind="dropped", subject=row.key, by=by, reason=checked)
                self.journal.append_in(connection, _with(draft, row))
                behind = sa.update(EFFECTS).where(
                    EFFECTS.c.connector == row.connector,
                    EFFECTS.c.lane == row.lane,
                    EFFECTS.c.state == "waiting",
                    EFFECTS.c.due_us > now_us,
                    EFFECTS.c.failures == 0,
                )
                connection.execute(behind.values(due_us=now_us))

    @staticmethod
    def _dead(connection: sa.Connection, keys: Sequence[str], what: str) -> list[sa.Row[Any]]:
        rows = _locked(connection, keys)
        for row in rows:
            if row.state != "dead":
                raise _not_so(row, what, 0)
        return rows


def _locked(connection: sa.Connection, keys: Sequence[str]) -> list[sa.Row[Any]]:
    """The rows of keys, in order; nobody else changes them meanwhile."""
    if len(keys) > AT_ONCE:
        raise BadInput(f"{len(keys):,} keys at once, may be {AT_ONCE:,}", rule="effects-at-once")
    query = sa.select(EFFECTS).where(EFFECTS.c.key.in_(keys)).order_by(EFFECTS.c.sequence)
    rows = list(connection.execute(query.with_for_update()))
    if len(rows) < len(set(keys)):
        raise _unknown()
    return rows


def _refuse_late(connection: sa.Connection, row: sa.Row[Any], now_us: int) -> None:
    """Raise Refused where the receiver has, or is getting, a later effect of the same lane."""
    later = sa.select(EFFECTS.c.state, EFFECTS.c.lease_us).where(
        EFFECTS.c.connector == row.connector,
        EFFECTS.c.lane == row.lane,
        EFFECTS.c.sequence > row.sequence,
        EFFECTS.c.state.in_(("waiting", "delivered")),
    )
    for other in connection.execute(later.with_for_update()):
        if other.state == "delivered" or other.lease_us > now_us:
            raise Refused(
                f"effect {row.key}: its receiver has a later effect of the same lead",
                rule="effect-order",
                todo="Drop it, or send it all the same with --out-of-order.",
            )


def _change(connection: sa.Connection, row: sa.Row[Any], **values: Any) -> None:
    connection.execute(
        sa.update(EFFECTS).where(EFFECTS.c.sequence == row.sequence).values(**values)
    )


def _with(draft: EffectsDraft, row: sa.Row[Any], **more: Any) -> EffectsDraft:
    document = {
        "connector": row.connector,
        "state": row.state,
        "failures": row.failures,
        "rule": row.rule,
        "cause": row.cause,
        **more,
    }
    return msgspec.structs.replace(draft, document=document)


def _row(row: sa.Row[Any], now_us: int) -> EffectRow:
    effect = _decoder.decode(row.body)
    return EffectRow(
        sequence=row.sequence,
        key=row.key,
        connector=row.connector,
        action=effect.action,
        lead_id=effect.lead_id,
        account_id=effect.account_id,
        state=row.state,
        created_us=effect.created_us,
        due_us=row.due_us if row.state == "waiting" else 0,
        settled_us=row.settled_us,
        leased=row.state == "waiting" and row.lease_us > now_us,
        failures=row.failures,
        rule=row.rule,
        cause=row.cause,
    )


def _not_so(row: sa.Row[Any], what: str, now_us: int) -> Refused:
    state = "under way" if row.state == "waiting" and row.lease_us > now_us > 0 else row.state
    return Refused(
        f"effect {row.key} is {state}, and cannot be {what}",
        rule="effect-state",
        todo="`leadscore effects list` shows where each effect stands.",
    )


def _unknown() -> Missing:
    return Missing(
        "no effect has that key",
        rule="effect-known",
        todo="`leadscore effects list` shows those that wait, and dead letters.",
    )
