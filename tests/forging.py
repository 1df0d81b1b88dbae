"""What somebody does who can write a home's files: tables changed, chains computed anew."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from config.settings import Settings
from registry.cache import stages_of, write_stages
from registry.ledger_table import LEDGER
from registry.registry_state import fold
from storage.hash_chain import GENESIS, link
from wiring.integrity.agreement import ledger_entries
from wiring.live_folders import folder_of

Row = dict[str, object]
Change = Callable[[Row], Row | None]


@contextmanager
def unguarded(path: Path) -> Iterator[sqlite3.Connection]:
    """A database without its triggers, written to when this ends."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in named.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        connection.commit()


def forge_ledger(settings: Settings, change: Change) -> None:
    """Change the ledger's rows, or leave some out, with hashes that fit."""
    columns = [column.name for column in LEDGER.columns]
    body = columns[:-2]
    with unguarded(settings.home / "ledger.db") as connection:
        rows = [
            dict(row)
            for row in connection.execute("SELECT * FROM promotion_ledger ORDER BY sequence")
        ]
        connection.execute("DELETE FROM promotion_ledger")
        digest = GENESIS
        for number, row in enumerate((r for r in map(change, rows) if r is not None), start=1):
            held = {**row, "sequence": number, "overruled": bool(row["overruled"])}
            held["previous"] = digest
            digest = held["hash"] = link(digest, msgspec.json.encode([held[c] for c in body]))
            marks = ", ".join(f":{name}" for name in columns)
            connection.execute(f"INSERT INTO promotion_ledger VALUES ({marks})", held)


def resealed(settings: Settings, hashes: dict[str, str]) -> None:
    """Make the ledger and the cache say that versions were registered with other manifests."""

    def change(row: Row) -> Row:
        detail = json.loads(str(row["detail"]))
        if row["kind"] == "registered" and row["subject"] in hashes:
            detail["registration"]["manifest_hash"] = hashes[str(row["subject"])]
        return {**row, "detail": json.dumps(detail)}

    forge_ledger(settings, change)
    standing = fold(ledger_entries(settings), "model")
    write_stages(folder_of(settings, "model"), stages_of(standing))
