"""The job of backups: a copy of every SQLite database of the home, while it is in use.

Each copy is consistent in itself. Those that refer to others are copied first, the event log after
them, online features last: what a copy refers to is in the later ones.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from config.settings import Settings
from domain.clock import from_us
from domain.errors import LeadscoreError, Unavailable
from jobs.operate.job import JobRun
from jobs.operate.run import JobResult
from storage.files import private_folder
from storage.owned_folder import owned_folder, remove_abandoned

PREFIX = "copying"
"""How the name of a folder begins that is being filled."""
STAMP = "%Y%m%dT%H%M%S%fZ"
_PAGES = 4096
"""So many pages at a time; the copy looks in between whether another process took over."""


def back_up(run: JobRun) -> JobResult:
    """Copy, verify, put in place, then remove the oldest beyond how many are kept.

    Raises Unavailable where there is no room, or a copy does not hold what it should.
    """
    folder = run.settings.home / run.rules.backup.folder
    private_folder(folder)
    remove_abandoned(folder, (PREFIX,))
    place = folder / from_us(run.due_us).strftime(STAMP)
    files = dict(databases(run.settings))
    if not place.exists():
        _fill(run, files, place)
    removed = _rotate(folder, run.rules.backup.keep)
    size = sum(path.stat().st_size for path in place.iterdir())
    return JobResult(
        notes=(
            f"{place.name}: {len(list(place.iterdir()))} databases, {size:,} bytes, verified",
            *(f"{name} removed" for name in removed),
            *_elsewhere(run.settings),
        )
    )


def databases(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The home's SQLite databases, by the names of their copies, in the order of copying."""
    home = settings.home
    first = (settings.workflow_db, settings.audit_db, settings.ledger_db)
    then = (settings.access_db, settings.operate_db, settings.signals_db)
    listed = [*map(_file, first), home / "mlflow.db", *map(_file, then), home / "feast/online.db"]
    inner = {*home.glob("*.db"), *home.glob("lineage/*.db")}
    others = sorted(inner - set(listed))
    for path in dict.fromkeys(filter(None, [*listed[:4], *others, *listed[4:]])):
        if path.is_file():
            yield path.name, path


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _elsewhere(settings: Settings) -> Iterator[str]:
    names = ("workflow_db", "audit_db", "ledger_db", "access_db", "operate_db", "signals_db")
    on_server = [name for name in names if _file(getattr(settings, name)) is None]
    if on_server:
        names_there = ", ".join(on_server)
        yield f"{names_there}: in PostgreSQL, whose own tools (pg_dump, archiving) copy it"


def _fill(run: JobRun, files: dict[str, Path], place: Path) -> None:
    """A folder with all copies takes its place whole, or not at all."""
    needed = sum(path.stat().st_size for path in files.values())
    if shutil.disk_usage(place.parent).free < needed:
        raise Unavailable(
            f"a backup needs {needed:,} bytes, and there are fewer free",
            rule="backup-room",
            where=str(place.parent),
            todo="Make room, name another `folder`, or `keep` fewer in operate.yaml.",
        )
    with owned_folder(place.parent, PREFIX) as scratch:
        filled = scratch / place.name
        filled.mkdir(mode=0o700)
        for name, path in files.items():
            _copy(run, path, filled / name)
        run.check()
        filled.rename(place)


def _copy(run: JobRun, source: Path, target: Path) -> None:
    """One database, as it is at one moment, and opened to see that it is whole.

    A page at a time would begin anew whenever somebody writes: a read transaction holds the moment.
    """
    with closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as original:
        original.execute("BEGIN")
        original.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as copy:
            original.backup(copy, pages=_PAGES, progress=lambda *_: run.check())
            tables = _tables(original)
    try:
        with closing(sqlite3.connect(target)) as copy:
            verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            same = _tables(copy) == tables
    except sqlite3.DatabaseError as bad:
        raise _broken(source, str(bad)) from bad
    if verdict != "ok" or not same:
        raise _broken(source, verdict if verdict != "ok" else "other tables than the original")


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]


def _broken(source: Path, reason: str) -> LeadscoreError:
    return Unavailable(
        f"the copy of {source.name} is not whole: {reason}",
        rule="backup-whole",
        where=source.name,
        todo="`leadscore audit verify` says whether the original is.",
    )


def _rotate(folder: Path, keep: int) -> list[str]:
    """Remove the oldest beyond so many; their names. What is no backup is let be."""
    backups = sorted(p for p in folder.iterdir() if p.is_dir() and _is_backup(p.name))
    removed = backups[:-keep]
    for path in removed:
        shutil.rmtree(path)
    return [path.name for path in removed]


def _is_backup(name: str) -> bool:
    return len(name) == 22 and name[8] == "T" and name.endswith("Z") and name[:8].isdigit()
