"""Cuts connections to a database server that has fallen silent without hanging up.

A server that hangs keeps its end of the connection open, and acknowledges what it is sent: no
time-out of the server's, nor of TCP, ever comes.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from os import dup
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import DisconnectionError

LOOKS = 5
"""Looks at what is under way, within the time that is allowed."""


class Watchdog:
    """Bounds how long a connection may be out of an engine's pool; the overdue are cut.

    Whoever waits for one that is cut meets the driver's error for a lost connection.
    """

    def __init__(self, wait_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_s = wait_s
        self._clock = clock
        self._lock = Lock()
        self._out: dict[int, tuple[float, Any]] = {}
        self._looks = False

    def watch(self, engine: Engine) -> None:
        """Watch an engine of psycopg from now on. Its connections are tried before each use."""
        event.listen(engine, "checkout", partial(self._try, engine.dialect))
        event.listen(engine, "checkin", lambda connection, _: self._end(connection))
        # before its file is closed, whose number another's may have then
        event.listen(engine, "invalidate", lambda connection, *_: self._end(connection))
        event.listen(engine, "close", lambda connection, _: self._end(connection))

    def _try(self, dialect: Dialect, connection: Any, _record: object, _proxy: object) -> None:
        self._begin(connection)
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as bad:
            self._end(connection)
            raise DisconnectionError from bad

    def _begin(self, connection: Any) -> None:
        with self._lock:
            self._out[id(connection)] = self._clock() + self._wait_s, connection
            if not self._looks:
                self._looks = True
                Thread(target=self._look, daemon=True, name="watchdog").start()

    def _end(self, connection: Any) -> None:
        with self._lock:
            self._out.pop(id(connection), None)

    def _look(self) -> None:
        while True:
            time.sleep(self._wait_s / LOOKS)
            now = self._clock()
            with self._lock:
                for key, (until, connection) in list(self._out.items()):
                    if now > until:
                        del self._out[key]
                        _cut(connection)


def _cut(connection: Any) -> None:
    # it may have been closed meanwhile, which is the driver's to say
    with suppress(Exception), socket.socket(fileno=dup(connection.fileno())) as descriptor:
        descriptor.shutdown(socket.SHUT_RDWR)
