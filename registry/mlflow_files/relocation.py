"""MLflow's addresses of a home's files, made those of where the home lies now.

MLflow keeps whole addresses of files in its database. A home that was moved or copied would point
to where it was. Loading this module does not load MLflow.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

EXPERIMENT = "leadscore"
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
WAIT_S = 10.0


def relocate(database: Path, artifacts: Path) -> bool:
    """Make the addresses in MLflow's SQLite `database` lead into the folder `artifacts`.

    Whether anything was changed. A database that is not there, is not MLflow's yet, or cannot be
    written to is left as it is: MLflow says what is wrong with it where it is asked.
    """
    if not database.is_file():
        return False
    wanted = artifacts.resolve().as_uri()
    try:
        with closing(sqlite3.connect(database, timeout=WAIT_S)) as connection:
            present = _location(connection)
            if present is None or present == wanted:
                return False
            with connection:
                for table, column in ADDRESSES:
                    _change(connection, table, column, present, wanted)
            return True
    except sqlite3.Error:
        return False


def _location(connection: sqlite3.Connection) -> str | None:
    query = "SELECT artifact_location FROM experiments WHERE name = ?"
    row = connection.execute(query, (EXPERIMENT,)).fetchone()
    if row is None or not str(row[0]).startswith("file:"):
        return None
    return str(row[0]).rstrip("/")


def _change(
    connection: sqlite3.Connection, table: str, column: str, present: str, wanted: str
) -> None:
    connection.execute(
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 names from above
        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
        (wanted, len(present) + 1, present, len(present) + 1, present + "/"),
    )
