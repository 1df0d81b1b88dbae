"""The one writer: a transaction at a time, over memory that is known to hold still."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection, Engine

from signals.batch import Batch
from signals.identities import Identities
from signals.matching import Matcher, Upcast, as_it_is
from signals.protections import Protections
from signals.schema import GENERATION, generation, totals, write, writing
from signals.states import StateStore


class Writer:
    """Opens transactions of the signal plane. Safe for threads, and beside other processes."""

    def __init__(
        self,
        engine: Engine,
        states: StateStore,
        protections: Protections | None = None,
        upcast: Upcast = as_it_is,
    ) -> None:
        self.engine = engine
        self.states = states
        self.matcher = Matcher(states.definition, upcast)
        self.identities = Identities(protections or Protections())
        self._lock = Lock()
        self._generation = -1

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction under the write lock, committed at the end; none of it on an error."""
        with self._lock, self.engine.connect() as connection:
            writing(connection)
            held = generation(connection)
            self.identities.begin(connection, fresh=held == self._generation)
            try:
                yield connection
                row = (GENERATION, held + 1)
                write(connection, totals, ("name", "value"), [row], conflict="replace")
                connection.commit()
                self._generation = held + 1
            except BaseException:
                self.identities.forget()
                self._generation = -1
                raise

    def batch(self, connection: Connection) -> Batch:
        """Work on leads and accounts within a transaction."""
        return Batch(connection, self.states, self.matcher, self.identities)
