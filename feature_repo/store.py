"""Feast as the state's reader and writer, online, and as the source of training rows, offline."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from domain.clock import SECOND
from domain.definition import FeatureDefinition
from domain.errors import Unavailable
from domain.ports import LeadRef, LeadStates
from domain.state import Matrix, layout_of
from domain.state_codec import pack
from feature_repo.entities import OnlineRows, Stored, StoresTogether, Wanted, serialised
from feature_repo.feast_imports import FeatureStore, RepoConfig
from feature_repo.views import (
    ACCOUNT,
    ACCOUNT_VIEW,
    ACCOUNTS,
    AS_OF,
    LEAD,
    LEAD_VIEW,
    LEADS,
    TIMESTAMP,
    stored_states,
    stored_texts,
    stored_views,
    texts_json,
)
from storage.files import exclusive
from storage.yaml_files import parse_yaml, read_text

CONFIGURATION = Path(__file__).parent / "feature_store.yaml"
KEYS = {LEAD_VIEW: "lead_id", ACCOUNT_VIEW: "account_id"}
FIELDS = {LEAD_VIEW: ("state", "texts"), ACCOUNT_VIEW: ("account",)}
"""By view: the entity's key, and the fields that are stored."""

ROWS_PER_GROUP = 20_000
"""OnlineRows of one Parquet row group: a few megabytes in memory."""

WAIT_S = 10.0
"""How long the store may be silent where nobody waits for an answer."""

DEFINITION_FILE = "definition.json"
"""The home's feature definition, which Feast's registry is made of."""

NOBODY = "none"
"""The account key of a lead without an account: Feast wants one, and nothing is stored there."""


class FeastStore:
    """Online reads and writes, and point-in-time joins, of one definition.

    `online` is "" for SQLite in the home, or a `redis://` URL. Feast keeps one connection for all
    threads: calls are serialised here. `wait_s` bounds how long the store may be silent.
    """

    def __init__(
        self,
        home: Path,
        definition: FeatureDefinition,
        online: str = "",
        wait_s: float = WAIT_S,
    ) -> None:
        self.definition = definition
        self.layout = layout_of(definition)
        self.offline = home / "offline"
        self._lock = Lock()
        self._views = {view.name: view for view in stored_views(self.offline.resolve())}
        self._applied = home / "feast" / "applied"
        self._online = home / "feast" / "online.db"
        self._kind = "redis" if online else "sqlite"
        config = configuration(home, definition, online, wait_s)
        self.feast = FeatureStore(config=config)

    def apply(self) -> None:
        """Make what Feast needs in the home, unless it is there; who begins at once takes turns.

        Of Feast's registry nothing is kept: it is made of the definition where it is asked for.
        """
        wanted = f"{self.definition.fingerprint} {self._kind} packed"
        if self._knows(wanted):
            return
        self._applied.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self._applied.with_name("applying")):
            if not self._knows(wanted):
                self._apply()
                self._applied.write_text(wanted)

    def _knows(self, wanted: str) -> bool:
        if self._kind == "sqlite" and not self._online.is_file():
            return False
        return self._applied.is_file() and self._applied.read_bytes() == wanted.encode()

    def _apply(self) -> None:
        self.offline.mkdir(parents=True, exist_ok=True)
        for name in (LEADS, ACCOUNTS):
            if not (self.offline / name).exists():
                HistoryFile(self.offline / name).close()
        self._applied.with_name("registry.db").unlink(missing_ok=True)  # of former homes
        kept, provider = list(self._views.values()), self.feast.provider
        provider.update_infra(self.feast.project, [], kept, [], [LEAD, ACCOUNT], partial=True)
        if self._kind == "sqlite":
            _write_ahead(self._online)

    def read(self, leads: Sequence[LeadRef]) -> LeadStates:
        """The states of leads, in one call. Raises Unavailable.

        Feast's SQLite store keeps whole seconds: there `known_us` is rounded down to one.
        """
        if not leads:
            return self._states([], [])
        # leads of one account share it
        accounts = [lead.account_id or NOBODY for lead in leads]
        once = list(dict.fromkeys(accounts))
        try:
            with self._lock:
                wanted = [
                    self._wanted(LEAD_VIEW, [lead.lead_id for lead in leads]),
                    self._wanted(ACCOUNT_VIEW, once),
                ]
                # Feast's own way out, a response by columns, costs two times as much
                store: StoresTogether = self.feast.provider.online_store
                rows, shared = store.read_together(self.feast.config, wanted)
        except Exception as bad:
            raise Unavailable(
                f"the online store does not answer: {type(bad).__name__}", rule="online-store"
            ) from bad
        beside = dict(zip(once, shared, strict=True))
        return self._states(rows, [beside[account] for account in accounts])

    def _wanted(self, view: str, entities: Sequence[str]) -> Wanted:
        return Wanted(self._views[view], KEYS[view], FIELDS[view], entities)

    def _states(self, leads: Sequence[Stored], accounts: Sequence[Stored]) -> LeadStates:
        wide = len(self.definition.texts) + 1
        return LeadStates(
            leads=stored_states([fields.get("state") for _, fields in leads], self.layout.width),
            accounts=stored_states(
                [fields.get("account") for _, fields in accounts], self.layout.account_width
            ),
            texts=[stored_texts(fields.get("texts", b""), wide) for _, fields in leads],
            known_us=[known_us for known_us, _ in leads],
        )

    def write_leads(
        self,
        leads: Sequence[str],
        states: Matrix,
        texts: Sequence[Sequence[str]],
        known_us: Sequence[int],
    ) -> None:
        """Push lead states. Raises Unavailable."""
        fields = {
            "state": list(map(serialised, pack(states))),
            "texts": [_texts(tuple(text)) for text in texts],
        }
        self._write(LEAD_VIEW, leads, fields, known_us)

    def write_accounts(
        self, accounts: Sequence[str], vectors: Matrix, known_us: Sequence[int]
    ) -> None:
        """Push account vectors. Raises Unavailable."""
        fields = {"account": list(map(serialised, pack(vectors)))}
        self._write(ACCOUNT_VIEW, accounts, fields, known_us)

    def forget(self, leads: Sequence[str]) -> None:
        """Empty the states of leads that were merged away."""
        empty = np.zeros((len(leads), self.layout.width))
        texts = [[""] * (len(self.definition.texts) + 1)] * len(leads)
        self.write_leads(leads, empty, texts, [0] * len(leads))

    def _write(
        self,
        view: str,
        entities: Sequence[str],
        fields: Mapping[str, Sequence[bytes]],
        known_us: Sequence[int],
    ) -> None:
        if not entities:
            return
        # Feast's own ways in cost several times as much
        rows = OnlineRows(self._views[view], KEYS[view], entities, fields, known_us)
        try:
            with self._lock:
                store: StoresTogether = self.feast.provider.online_store
                store.write_together(self.feast.config, rows)
        except Exception as bad:
            raise Unavailable(
                f"the online store does not take writes: {type(bad).__name__}", rule="online-store"
            ) from bad

    def history(
        self, leads: Sequence[str], accounts: Sequence[str], moments_us: Sequence[int]
    ) -> pd.DataFrame:
        """Named features at past moments, row for row, by Feast's point-in-time join."""
        frame = pd.DataFrame(
            {
                "row": np.arange(len(leads)),
                "lead_id": list(leads),
                "account_id": [account or NOBODY for account in accounts],
                TIMESTAMP: pd.to_datetime(np.array(moments_us, "datetime64[us]"), utc=True),
                AS_OF: np.array(moments_us, dtype=np.float64) / SECOND,
            }
        )
        service = self.feast.get_feature_service(self.definition.label)
        with self._lock:
            joined = self.feast.get_historical_features(frame, service).to_df()
        ordered: pd.DataFrame = joined.sort_values("row").reset_index(drop=True)
        return ordered


class HistoryFile:
    """Writes one entity's state history as Parquet, a chunk at a time, whole or not at all."""

    def __init__(self, path: Path) -> None:
        """`path` ends in LEADS or ACCOUNTS."""
        self._path = path
        self._partial = path.with_suffix(".partial")
        leads = path.name == LEADS
        fields = [
            ("lead_id" if leads else "account_id", pa.string()),
            (TIMESTAMP, pa.timestamp("us", tz="UTC")),
            ("state" if leads else "account", pa.binary()),
        ]
        self._schema = pa.schema(fields + ([("texts", pa.binary())] if leads else []))
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="snappy")
        self._tables: list[pa.Table] = []
        self._rows = 0

    def add(
        self,
        entities: Sequence[str],
        known_us: Sequence[int],
        states: Matrix,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        """Add rows: entity, when its state became so, and the state."""
        columns = [
            pa.array(list(entities), pa.string()),
            pa.array(np.array(known_us, dtype="datetime64[us]"), self._schema.field(1).type),
            pa.array(pack(states), pa.binary()),
        ]
        if len(self._schema) > len(columns):
            columns.append(pa.array([texts_json(tuple(t)) for t in texts], pa.binary()))
        self._tables.append(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows += len(states)
        if self._rows >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        """Put the file in its place."""
        self._flush()
        self._writer.close()
        self._partial.replace(self._path)

    def _flush(self) -> None:
        if self._tables:
            self._writer.write_table(pa.concat_tables(self._tables).combine_chunks())
        self._tables, self._rows = [], 0


def _server(url: str, wait_s: float) -> dict[str, Any]:
    from feature_repo.redis_online_store import redis_store

    return redis_store(url, wait_s)


def configuration(
    home: Path, definition: FeatureDefinition, online: str, wait_s: float
) -> RepoConfig:
    """Feast's configuration of a home, whose registry is made of `definition`.

    `online` is as for FeastStore.
    """
    options = document(home, online, wait_s)
    options["registry"]["definition"] = definition
    return RepoConfig(repo_path=home, **options)


def document(home: Path, online: str, wait_s: float) -> dict[str, Any]:
    """What stands in `feature_store.yaml` for a home and its online store."""
    settings: dict[str, Any] = parse_yaml(read_text(CONFIGURATION), CONFIGURATION.name)
    root = str(home.resolve())
    settings["registry"]["path"] = f"{root}/{DEFINITION_FILE}"
    if online:
        settings["online_store"] = _server(online, wait_s)
    else:
        settings["online_store"] |= {"path": f"{root}/feast/online.db", "wait_s": wait_s}
    return settings


@lru_cache(maxsize=1 << 12)
def _texts(values: tuple[str, ...]) -> bytes:
    """Many leads share a profile."""
    return serialised(texts_json(values))


def _write_ahead(path: Path) -> None:
    """Let readers read while a writer writes; the mode stays with the file."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
