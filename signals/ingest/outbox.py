"""What must still be pushed online: written with the state, removed once pushed.

A crash between push and removal pushes again, which changes nothing. One pusher at a time reads
the newest states and pushes them, so an older state never overwrites a newer one, and writers of
the log need not wait for it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from threading import Lock

import numpy as np
from sqlalchemy import Connection, Engine, delete, func, select

from domain.ports import StateWriter
from signals.store.feature_states import StateStore, chunks
from signals.store.lock_wait import turn
from signals.store.tables import generation, outbox, writing
from storage.sql import take_write_lock, write

LEAD, ACCOUNT, ENDED = "lead", "account", "ended"
_AT_A_TIME = 5_000
_LOCK = 7415002
PUSH_WAIT_S = 600.0
"""How long another's push is waited for where nobody waits for an answer."""
_here = Lock()


def announce(connection: Connection, kind: str, entities: Iterable[str], version: int) -> None:
    """Note that these entities' states are newer than the online store's, since this commit."""
    rows = [(entity, kind, version) for entity in sorted(set(entities))]
    write(connection, outbox, ("entity", "kind", "version"), rows, conflict="replace")


def waiting(engine: Engine) -> int:
    """How many entities are announced and not pushed."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(outbox)).scalar_one())


@contextmanager
def pushing(engine: Engine, wait_s: float = PUSH_WAIT_S) -> Iterator[None]:
    """Be the only pusher of this database, among threads and processes.

    Raises Unavailable where another pushes for longer: what was committed is announced, and pushed
    by whoever pushes next.
    """
    with turn(_here, wait_s, "others push features online"):
        if engine.dialect.name == "sqlite":
            with closing(sqlite3.connect(f"{engine.url.database}-push", timeout=wait_s)) as lock:
                lock.isolation_level = None
                lock.execute("BEGIN EXCLUSIVE")
                yield
        else:
            with engine.connect() as connection:
                take_write_lock(connection, _LOCK)
                yield


def drain(engine: Engine, states: StateStore, writer: StateWriter) -> bool:
    """Push some announced states; False when there was nothing to push."""
    with engine.connect() as connection:
        until = generation(connection)
        query = select(outbox.c.entity, outbox.c.kind).limit(_AT_A_TIME)
        entities = [(str(r.entity), str(r.kind)) for r in connection.execute(query)]
        if not entities:
            return False
        _push_leads(connection, states, writer, [e for e, k in entities if k == LEAD])
        _push_accounts(connection, states, writer, [e for e, k in entities if k == ACCOUNT])
    if ended := [e for e, k in entities if k == ENDED]:
        writer.forget(ended)
    with engine.connect() as connection:
        writing(connection)
        for part in chunks([e for e, _ in entities]):
            pushed = outbox.c.entity.in_(part) & (outbox.c.version <= until)
            connection.execute(delete(outbox).where(pushed))
        connection.commit()
    return True


def _push_leads(
    connection: Connection, states: StateStore, writer: StateWriter, leads: list[str]
) -> None:
    rows = states.load(connection, leads)
    if rows:
        writer.write_leads(
            [r.lead_id for r in rows],
            np.array([r.state for r in rows]),
            [[value for _, _, value in r.texts] for r in rows],
            [r.known_us for r in rows],
        )


def _push_accounts(
    connection: Connection, states: StateStore, writer: StateWriter, accounts: list[str]
) -> None:
    if accounts:
        vectors = states.account_vectors(connection, accounts)
        newest = states.account_known_us(connection, accounts)
        ids = [a[1:] for a in accounts]
        writer.write_accounts(ids, vectors, newest)
