"""Make leads, accounts and states anew from the log: after a change of the definition."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, delete

from domain.identifiers import IdentifierKey
from domain.signals import decode
from signals import log
from signals.batch import Batch
from signals.identity import Known
from signals.log import Logged
from signals.matching import Matcher
from signals.reading import Accepted, event_key
from signals.schema import accounts, identifiers, leads, merges, outbox, writing
from signals.states import StateStore


def rebuild(engine: Engine, states: StateStore, progress: Callable[[int], None]) -> int:
    """Rebuild everything that is derived from the log, in one transaction; how many events.

    `progress` is told how many events each step took in.
    """
    matcher, done = Matcher(states.definition), 0
    with engine.connect() as connection:
        writing(connection)
        _clear(connection)
        for part in log.read(engine):
            Batch(states, matcher, [_accepted(event) for event in part]).commit(connection)
            done += len(part)
            progress(len(part))
        connection.commit()
    return done


def _clear(connection: Connection) -> None:
    for table in (leads, accounts, identifiers, merges, outbox):
        connection.execute(delete(table))


def _accepted(event: Logged) -> Accepted:
    signal = decode(event.body)
    keys = tuple(IdentifierKey(key) for key in event.keys)
    return Accepted(
        signal, Known(keys, event.account), event_key(signal.source, signal.id), event.body
    )
