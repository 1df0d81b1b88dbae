"""The one writer: a transaction at a time, with caches that are valid while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection, Engine

from signals.events.feature_matching import Matcher, Upcaster, as_it_is
from signals.identifiers.normalization import IdentifierReader
from signals.identifiers.rules import IdentityRules
from signals.identity.store import Identities
from signals.ingest.unit_of_work import UnitOfWork
from signals.store.feature_states import StateStore
from signals.store.lock_wait import turn
from signals.store.tables import GENERATION, IDENTITY, counter, generation, totals, writing
from storage.sql import write


class Writer:
    """Opens transactions of the signal plane. Safe for threads, and beside other processes."""

    def __init__(
        self,
        engine: Engine,
        states: StateStore,
        rules: IdentityRules | None = None,
        upcast: Upcaster = as_it_is,
        wait_s: float = -1.0,
    ) -> None:
        """`wait_s` bounds the wait for another thread's transaction, -1 for no bound.

        How long another process's lock is waited for, the engine's settings say.
        """
        self.engine = engine
        self.states = states
        self.matcher = Matcher(states.definition, upcast)
        self.identifiers = IdentifierReader(rules)
        self.identities = Identities(self.identifiers.rules.protections)
        self._lock = Lock()
        self._wait_s = wait_s
        self._generation = -1

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction under the write lock, committed at the end; none of it on an error.

        Raises Unavailable where others' transactions take too long.
        """
        with turn(self._lock, self._wait_s), self.engine.connect() as connection:
            writing(connection)
            generation_now = generation(connection)
            self.identities.begin(connection, fresh=generation_now == self._generation)
            try:
                yield connection
                row = (GENERATION, generation_now + 1)
                write(connection, totals, ("name", "value"), [row], conflict="replace")
                if not generation_now:
                    self.remember_rules(connection)
                connection.commit()
                self._generation = generation_now + 1
            except BaseException:
                self.identities.forget()
                self._generation = -1
                raise

    def remember_rules(self, connection: Connection) -> None:
        """Record the identity rules: of an empty log, or once all of it was read again."""
        row = (IDENTITY, self.identifiers.rules.digest)
        write(connection, totals, ("name", "value"), [row], conflict="replace")

    def has_other_rules(self) -> bool:
        """Whether this home's identities were made by other rules than those in force."""
        with self.engine.connect() as connection:
            made_by = counter(connection, IDENTITY)
            return generation(connection) > 0 and made_by != self.identifiers.rules.digest

    def batch(self, connection: Connection) -> UnitOfWork:
        """Work on leads and accounts within a transaction."""
        return UnitOfWork(connection, self.states, self.matcher, self.identities)
