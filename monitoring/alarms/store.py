"""Alarms and the messages of them, in a small SQLite database.

What a look changes and what channels are to be told of it are committed together: whoever is
killed has told of an alarm, or will.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import Unavailable
from monitoring.alarms.alarm import AlarmLook, AlarmMessage, AlarmState, Event, Sighting
from monitoring.alarms.catalogue import AlarmName
from monitoring.alarms.tables import ALARMS, CHANNELS, FIGURES, MESSAGES, METADATA
from storage.small_store import open_small_store
from storage.sql import insert_into, take_write_lock

DATABASE = "alerts.db"
MOST_OPEN = 500
"""So many alarms are open at most; what is seen beyond is left out."""
MOST_WAITING = 10_000
"""So many messages wait at most; older ones are forgotten."""


class AlarmChange(NamedTuple):
    """Something about an alarm that somebody is to be told."""

    alarm: AlarmState
    event: Event


class Addressed(NamedTuple):
    """A message for a channel, which is not to have it before a moment."""

    channel: str
    severity: str
    message: AlarmMessage
    hold_until_us: int = 0


class WaitingMessage(NamedTuple):
    """A message that waits, by its number."""

    id: int
    severity: str
    message: AlarmMessage


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel does: failures in a row, when it is tried again, how many messages wait."""

    channel: str
    failures: int = 0
    next_us: int = 0
    reason: str = ""
    waiting: int = 0


AlarmKey = tuple[AlarmName, str]
Address = Callable[[AlarmChange], Iterable[Addressed]]
"""Whom a change is told to, and how."""


class AlarmStore:
    """The alarms of one home. Safe for many processes. Every call may raise Unavailable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _answering():
            self._engine = open_small_store(folder / DATABASE, "alerts", METADATA)

    def settle(
        self, looks: Sequence[AlarmLook], now_us: int, remind_us: int, address: Address
    ) -> list[AlarmChange]:
        """Open what was seen anew, end what was looked for and not seen, remind of the rest.

        One alarm of a kind and subject is open at a time. What nobody looked for stays.
        """
        seen = {(s.kind, s.subject): s for look in looks for s in look.sightings}
        kinds = frozenset[AlarmName]().union(*(look.kinds for look in looks))
        with self._writing() as connection:
            known = {(a.kind, a.subject): a for a in _open(connection)}
            changes = [*_ended(known, seen, kinds, now_us)]
            room = MOST_OPEN - len(known) + len(changes)
            for key, sighting in seen.items():
                if key in known:
                    changes += _again(known[key], sighting, now_us, remind_us)
                elif room > 0:
                    room -= 1
                    changes.append(AlarmChange(_opened(connection, sighting, now_us), "opened"))
            _keep(connection, known, seen, changes, now_us)
            _tell(connection, changes, now_us, address)
        return changes

    def open(self) -> list[AlarmState]:
        """The alarms that are open, oldest first."""
        with _answering(), self._engine.connect() as connection:
            return _open(connection)

    def since(self, since_us: int) -> list[AlarmState]:
        """The alarms that were open at some moment since then, oldest first."""
        late = sa.or_(ALARMS.c.ended_us.is_(None), ALARMS.c.ended_us >= since_us)
        with _answering(), self._engine.connect() as connection:
            return _alarms(connection, late)

    def add(self, messages: Iterable[Addressed], now_us: int) -> None:
        """Let messages wait for their channels."""
        with self._writing() as connection:
            _add(connection, messages, now_us)

    def due(self, channel: str, now_us: int, limit: int) -> list[WaitingMessage]:
        """What a channel is to be told now, oldest first; nothing while it is left alone."""
        m, c = MESSAGES.c, CHANNELS.c
        away = sa.select(c.channel).where(c.channel == channel, c.next_us > now_us)
        query = sa.select(MESSAGES).where(m.channel == channel, m.hold_until_us <= now_us)
        with _answering(), self._engine.connect() as connection:
            if connection.execute(away).first() is not None:
                return []
            rows = connection.execute(query.order_by(m.id).limit(limit)).all()
        return [
            WaitingMessage(r.id, r.severity, AlarmMessage(title=r.title, text=r.text)) for r in rows
        ]

    def sent(self, channel: str, message: int) -> None:
        """A channel has taken a message."""
        with self._writing() as connection:
            connection.execute(MESSAGES.delete().where(MESSAGES.c.id == message))
            connection.execute(CHANNELS.delete().where(CHANNELS.c.channel == channel))

    def failed(self, state: ChannelState) -> None:
        """A channel has not taken a message, and is to be left alone for a while."""
        values = {"failures": state.failures, "next_us": state.next_us, "reason": state.reason}
        with self._writing() as connection:
            insert = insert_into(connection, CHANNELS).values(channel=state.channel, **values)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["channel"], set_=values)
            )

    def channels(self) -> dict[str, ChannelState]:
        """Channels that failed, or that messages wait for."""
        count = sa.select(MESSAGES.c.channel, sa.func.count()).group_by(MESSAGES.c.channel)
        with _answering(), self._engine.connect() as connection:
            waiting = {str(name): int(n) for name, n in connection.execute(count)}
            rows = {r.channel: r for r in connection.execute(sa.select(CHANNELS))}
        states = {}
        for name in sorted({*waiting, *rows}):
            row = rows.get(name)
            state = ChannelState(channel=name, waiting=waiting.get(name, 0))
            if row is not None:
                state = msgspec.structs.replace(
                    state, failures=row.failures, next_us=row.next_us, reason=row.reason
                )
            states[name] = state
        return states

    def forget(self, before_us: int) -> None:
        """Remove what ended, and what waits, since before a moment."""
        with self._writing() as connection:
            connection.execute(ALARMS.delete().where(ALARMS.c.ended_us < before_us))
            connection.execute(MESSAGES.delete().where(MESSAGES.c.created_us < before_us))

    def figures(self) -> dict[str, float]:
        """What the last look counted."""
        with _answering(), self._engine.connect() as connection:
            return {r.name: r.value for r in connection.execute(sa.select(FIGURES))}

    def keep_figures(self, figures: Mapping[str, float]) -> None:
        """Keep counts for the next look, in place of those of the same names."""
        rows = [{"name": name, "value": value} for name, value in figures.items()]
        with self._writing() as connection:
            connection.execute(FIGURES.delete().where(FIGURES.c.name.in_(list(figures))))
            if rows:
                connection.execute(FIGURES.insert(), rows)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _answering(), self._engine.begin() as connection:
            take_write_lock(connection, 0)
            yield connection


def _ended(
    known: Mapping[AlarmKey, AlarmState],
    seen: Mapping[AlarmKey, Sighting],
    kinds: frozenset[AlarmName],
    now_us: int,
) -> Iterator[AlarmChange]:
    for key, alarm in known.items():
        if alarm.kind in kinds and key not in seen:
            yield AlarmChange(msgspec.structs.replace(alarm, ended_us=now_us), "ended")


def _again(
    alarm: AlarmState, sighting: Sighting, now_us: int, remind_us: int
) -> Iterator[AlarmChange]:
    """A reminder of an alarm that is open, where it is time for one."""
    if now_us - alarm.notified_us >= remind_us:
        newer = msgspec.structs.replace(
            alarm, evidence=sighting.evidence, acted=sighting.acted, notified_us=now_us
        )
        yield AlarmChange(newer, "reminder")


def _opened(connection: sa.Connection, sighting: Sighting, now_us: int) -> AlarmState:
    moments = {"opened_us": now_us, "seen_us": now_us, "notified_us": now_us}
    row = {**_columns(sighting), "kind": sighting.kind, "subject": sighting.subject, **moments}
    number = connection.execute(ALARMS.insert().returning(ALARMS.c.id), row).scalar_one()
    return AlarmState(
        id=number,
        kind=sighting.kind,
        subject=sighting.subject,
        evidence=sighting.evidence,
        acted=sighting.acted,
        **moments,
    )


def _keep(
    connection: sa.Connection,
    known: Mapping[AlarmKey, AlarmState],
    seen: Mapping[AlarmKey, Sighting],
    changes: Sequence[AlarmChange],
    now_us: int,
) -> None:
    """Write what was seen again, told again, or ended."""
    for key, alarm in known.items():
        if key in seen:
            values = {**_columns(seen[key]), "seen_us": now_us}
            connection.execute(ALARMS.update().where(ALARMS.c.id == alarm.id).values(values))
    for alarm, event in changes:
        moment = {"ended": "ended_us", "reminder": "notified_us"}.get(event)
        if moment is not None:
            mine = ALARMS.update().where(ALARMS.c.id == alarm.id)
            connection.execute(mine.values({moment: now_us}))


def _tell(
    connection: sa.Connection, changes: Sequence[AlarmChange], now_us: int, address: Address
) -> None:
    _add(connection, [one for change in changes for one in address(change)], now_us)


def _add(connection: sa.Connection, messages: Iterable[Addressed], now_us: int) -> None:
    rows = [
        {
            "channel": one.channel,
            "title": one.message.title,
            "text": one.message.text,
            "created_us": now_us,
            "hold_until_us": one.hold_until_us,
            "severity": one.severity,
        }
        for one in messages
    ]
    if rows:
        connection.execute(MESSAGES.insert(), rows)
    newest = sa.select(MESSAGES.c.id).order_by(MESSAGES.c.id.desc()).limit(MOST_WAITING)
    connection.execute(MESSAGES.delete().where(MESSAGES.c.id.not_in(newest)))


def _columns(sighting: Sighting) -> dict[str, str]:
    evidence = msgspec.json.encode(sighting.evidence).decode()
    return {"evidence": evidence, "acted": sighting.acted}


def _open(connection: sa.Connection) -> list[AlarmState]:
    return _alarms(connection, ALARMS.c.ended_us.is_(None))


def _alarms(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[AlarmState]:
    rows = connection.execute(sa.select(ALARMS).where(which).order_by(ALARMS.c.id)).mappings()
    return [
        msgspec.convert(
            {
                **{str(name): value for name, value in row.items()},
                "evidence": msgspec.json.decode(row["evidence"]),
            },
            AlarmState,
        )
        for row in rows
    ]


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as bad:
        raise Unavailable(
            f"the alarms' database did not answer ({type(bad).__name__})", rule="alerts-available"
        ) from bad
