"""The outbox of lineage events: a small SQLite database in a folder of the home.

An event is on disk before anyone is told. The newest 20,000 are kept, sent or not; there are two
for each run. Whoever sends holds a lock on the folder, so that one process sends at a time, and
whoever adds never waits for a server.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from registry.lineage.outbox_file import EVENTS, LOCK, kept_events, remove
from storage.files import exclusive
from storage.small_store import open_small_store
from storage.sql import take_write_lock

DATABASE = "outbox.db"
MOST = 20_000
"""So many events are kept; older ones are forgotten."""

METADATA = sa.MetaData()
OUTBOX = sa.Table(
    "lineage_events",
    METADATA,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("lineage_events_state", "state", "sequence"),
)
"""A row an event, in order. `body` is a JSON document; `state`: waiting, sent, or refused by the
server for good."""

State = Literal["waiting", "sent", "refused"]
Send = Callable[[bytes], bool]
"""Delivers one event; False where it will never be taken. Raises OSError to try again later."""

_WAITING = sa.select(OUTBOX).where(OUTBOX.c.state == "waiting").order_by(OUTBOX.c.sequence)


class Outbox:
    """Events in a folder. Safe to use from many processes.

    A method may raise OSError, or SQLAlchemyError where the database cannot be used. What the
    files of version 0.2.0 hold is taken over when the folder is first used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: sa.Engine | None = None

    def add(self, event: bytes) -> None:
        """Keep an event, a JSON document."""
        with self._engine().begin() as connection:
            take_write_lock(connection, 0)
            connection.execute(OUTBOX.insert(), {"state": "waiting", "body": event})
            newest = sa.select(sa.func.max(OUTBOX.c.sequence)).scalar_subquery()
            connection.execute(OUTBOX.delete().where(OUTBOX.c.sequence <= newest - MOST))

    def waiting(self) -> int:
        """How many events have not been sent."""
        count = sa.select(sa.func.count()).where(OUTBOX.c.state == "waiting")
        with self._engine().connect() as connection:
            return int(connection.execute(count).scalar_one())

    def send(self, send: Send) -> int:
        """Send what waits, oldest first, each once; how many went.

        It ends where `send` raises, which is raised on; what was sent by then is not sent again,
        but for the one under way when the process dies. What will never be taken is marked as
        refused, so that it does not hold up what follows.
        """
        sent = 0
        engine = self._engine()
        with exclusive(self.folder / LOCK):
            for _ in range(MOST):
                with engine.connect() as connection:
                    event = connection.execute(_WAITING.limit(1)).first()
                if event is None:
                    break
                accepted = send(event.body)
                self._mark(engine, event.sequence, "sent" if accepted else "refused")
                sent += accepted
        return sent

    @staticmethod
    def _mark(engine: sa.Engine, sequence: int, state: State) -> None:
        with engine.begin() as connection:
            connection.execute(
                OUTBOX.update().where(OUTBOX.c.sequence == sequence).values(state=state)
            )

    def _engine(self) -> sa.Engine:
        if self._opened is None:
            engine = open_small_store(self.folder / DATABASE, "lineage", METADATA)
            if (self.folder / EVENTS).exists():
                with exclusive(self.folder / LOCK):
                    self._take_over(engine)
            self._opened = engine
        return self._opened

    def _take_over(self, engine: sa.Engine) -> None:
        """Take in what the files of the former format hold; harmless to repeat after a crash."""
        with engine.begin() as connection:
            take_write_lock(connection, 0)
            known = set(connection.execute(sa.select(OUTBOX.c.body)).scalars())
            for event, sent, refused in kept_events(self.folder):
                if event not in known:
                    state = "refused" if refused else "sent" if sent else "waiting"
                    connection.execute(OUTBOX.insert(), {"state": state, "body": event})
        remove(self.folder)
