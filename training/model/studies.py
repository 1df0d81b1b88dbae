"""Where studies of the search are kept, and what the last one of an outcome found.

A study is resumed by its name: in a journal file on one machine, in PostgreSQL where several
machines work on it.
"""

from pathlib import Path

import msgspec
import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from domain.errors import Unavailable
from storage.files import drop_torn_line, write_whole

HEARTBEAT_S = 20
"""A worker of a database says so often that it lives; after three times that its trial failed."""


class WarmStart(msgspec.Struct, frozen=True, kw_only=True):
    """The study that a search begins from, and the best parameters it found."""

    study: str
    parameters: dict[str, int | float]


def open_study(folder: Path, name: str, url: str = "") -> optuna.Study:
    """The study of that name, new or resumed: a journal in `folder`, or at a PostgreSQL `url`.

    Raises Unavailable where the database does not answer.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = _database(url) if url else _journal(folder / f"{name}.journal")
    return optuna.create_study(
        storage=storage,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
    )


def _journal(path: Path) -> BaseStorage:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalFileOpenLock(str(path))
    if path.is_file():
        lock.acquire()
        try:
            with path.open("r+b") as journal:
                drop_torn_line(journal)
        finally:
            lock.release()
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


def _database(url: str) -> BaseStorage:
    from sqlalchemy import make_url
    from sqlalchemy.exc import OperationalError

    named = make_url(url).set(drivername="postgresql+psycopg")
    try:
        return RDBStorage(
            named.render_as_string(hide_password=False),
            engine_kwargs={"pool_pre_ping": True, "hide_parameters": True},
            heartbeat_interval=HEARTBEAT_S,
            grace_period=3 * HEARTBEAT_S,
        )
    except OperationalError:
        raise Unavailable(
            "the database of studies does not answer",
            rule="database-reachable",
            where="studies_db",
            todo="Is the server running, and are host, name and password of its URL right?",
        ) from None


def last_study(folder: Path, outcome: str) -> WarmStart | None:
    """What the last search for an outcome found, if there was one."""
    try:
        return msgspec.json.decode(_last(folder, outcome).read_bytes(), type=WarmStart)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def remember(folder: Path, outcome: str, warm_start: WarmStart) -> None:
    """Keep what a search found, for the next one of the same outcome."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(_last(folder, outcome), msgspec.json.encode(warm_start))


def _last(folder: Path, outcome: str) -> Path:
    return folder / f"last-{outcome}.json"
