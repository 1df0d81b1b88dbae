"""What breaks outside the program while it runs: disks, locks, folders that go.

Trying again helps once it is mended.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from config.settings import Settings
from domain.errors import Unavailable

TOLD = (
    "file is not a database",
    "database disk image is malformed",
    "attempt to write a readonly database",
    "database or disk is full",
    "unable to open database file",
    "disk I/O error",
    "database is locked",
    "no such table",
)
"""What SQLite says of a file, and nothing of what is in it."""
_OF_A_SERVER = ("OperationalError", "InterfaceError")
"""What a database server's driver raises for a connection, a lock, a disk."""


def database_outage(error: BaseException) -> Unavailable | None:
    """A database's error as one of ours; None for what is none, or a fault of the program."""
    # who has not imported it has not raised its errors
    databases = sys.modules.get("sqlalchemy.exc")
    raised = databases is not None and isinstance(error, databases.DBAPIError)
    waited = databases is not None and isinstance(error, databases.TimeoutError)
    own = getattr(error, "orig", error) if raised else error
    if isinstance(own, sqlite3.Error):
        why = next((text for text in TOLD if text in str(own)), "")
    else:
        why = type(own).__name__ if raised and type(error).__name__ in _OF_A_SERVER else ""
    if not why and not waited:
        return None
    return Unavailable(
        f"a database of the home cannot be used: {why or 'all its connections are in use'}",
        rule="database-usable",
        todo="Nothing that was acknowledged is lost. Repair it, then try again.",
    )


def outage(error: BaseException) -> Unavailable | None:
    """A disk's or a database's error as one of ours; None for what is a fault of the program."""
    if isinstance(error, OSError):
        return Unavailable(
            f"a file of the home cannot be used: {error.strerror or type(error).__name__}",
            rule="file-access",
            todo="Check whether the disk is full or read-only, then try again.",
        )
    return database_outage(error)


@contextmanager
def outages_told() -> Iterator[None]:
    """Raise Unavailable for what disks and databases do; all else as it is."""
    try:
        yield
    except Exception as error:
        unavailable = outage(error)
        if unavailable is None:
            raise
        raise unavailable from error


_Place = tuple[int, int]
"""A device, and a file on it."""


class Presence:
    """Whether a home and its databases are where they were when they were opened.

    A process that holds files open goes on writing to them when they are moved away or removed:
    what it acknowledged then would not be in the home that is put back.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(map(str, paths))
        self._places = self._look()

    def same(self) -> bool:
        """False where others are in their place. Raises Unavailable where one is not there."""
        return self._look() == self._places

    def _look(self) -> list[_Place]:
        try:
            status = [os.stat(path) for path in self._paths]  # noqa: PTH116 at each request
        except OSError as bad:
            raise Unavailable(
                "the home of the service, or one of its databases, is missing",
                rule="home-present",
                todo="Put it back; the service then recovers by itself.",
            ) from bad
        return [(one.st_dev, one.st_ino) for one in status]


def presence_of(settings: Settings) -> Presence:
    """Of a home that is open: its folder, and the files of signals and audit trail."""
    urls = map(make_url, (settings.signals_db, settings.audit_db))
    files = [Path(url.database or "") for url in urls if url.get_backend_name() == "sqlite"]
    return Presence([settings.home.resolve(), *(file.resolve() for file in files)])
