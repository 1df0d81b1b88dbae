"""What must still be pushed online: written with the state, removed once pushed.

A crash between push and commit pushes again, which changes nothing. The write lock is held while
pushing, so that an older state never overwrites a newer one.
"""

from collections.abc import Iterable

import numpy as np
from sqlalchemy import Connection, Engine, delete, select

from domain.ports import StateWriter
from signals.schema import outbox, writing
from signals.states import StateStore, chunks, upsert

LEAD, ACCOUNT, ENDED = "lead", "account", "ended"
_AT_A_TIME = 5_000


def announce(connection: Connection, kind: str, entities: Iterable[str]) -> None:
    """Note that these entities' states are newer than the online store's."""
    upsert(connection, outbox, [{"entity": e, "kind": kind} for e in sorted(set(entities))])


def drain(engine: Engine, states: StateStore, writer: StateWriter) -> bool:
    """Push some announced states; False when there was nothing to push."""
    with engine.connect() as connection:
        writing(connection)
        query = select(outbox.c.entity, outbox.c.kind).limit(_AT_A_TIME)
        waiting = [(str(r.entity), str(r.kind)) for r in connection.execute(query)]
        if not waiting:
            connection.rollback()
            return False
        _push_leads(connection, states, writer, [e for e, k in waiting if k == LEAD])
        _push_accounts(connection, states, writer, [e for e, k in waiting if k == ACCOUNT])
        if ended := [e for e, k in waiting if k == ENDED]:
            writer.forget(ended)
        for part in chunks([e for e, _ in waiting]):
            connection.execute(delete(outbox).where(outbox.c.entity.in_(part)))
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
