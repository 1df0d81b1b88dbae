"""The point-in-time join: what Feast's own answers, in memory that grows by rows alone."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.feast_imports import (
    Entity,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    Float64,
    RepoConfig,
    ValueType,
)

OURS = "feature_repo.offline_store.AsOfOfflineStore"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = "event_timestamp"


def at(seconds: Iterable[int]) -> pd.Series:
    return pd.Series(pd.to_datetime([BEGIN + timedelta(seconds=int(s)) for s in seconds]))


def history(seed: int, rows: int, entities: int) -> pd.DataFrame:
    """Rows of distinct entity, moment and creation, in no order."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "who": [f"e{i}" for i in random.integers(0, entities, rows)],
            "known": at(random.integers(0, 400, rows)),
            "made": at(random.permutation(rows) + 400),
            "x": random.normal(size=rows),
            "z": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
        }
    )


def asking(seed: int, rows: int, entities: int) -> pd.DataFrame:
    random = np.random.default_rng(seed + 1)
    return pd.DataFrame(
        {
            "row": np.arange(rows),
            "who": [f"e{i}" for i in random.integers(0, entities + 2, rows)],
            ASKED: at(random.integers(-20, 500, rows)),
        }
    )


class Repo:
    """One view over one file, by one offline store."""

    def __init__(
        self, folder: Path, kind: str, table: pd.DataFrame, ttl: int = 0, *, made: bool = False
    ) -> None:
        folder.mkdir()
        pq.write_table(pa.Table.from_pandas(table), folder / "h.parquet")
        config = RepoConfig(
            project="p",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store={"type": kind},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
        self.feast = FeatureStore(config=config)
        who = Entity(name="who", join_keys=["who"], value_type=ValueType.STRING)
        source = FileSource(
            name="h",
            path=str(folder / "h.parquet"),
            timestamp_field="known",
            created_timestamp_column="made" if made else "",
        )
        schema = [Field(name="x", dtype=Float64), Field(name="z", dtype=Float64)]
        view = FeatureView(
            name="v", entities=[who], schema=schema, source=source, ttl=timedelta(seconds=ttl)
        )
        self.feast.apply([who, view])

    def job(self, frame: pd.DataFrame, **options: bool) -> Any:
        return self.feast.get_historical_features(frame, ["v:x", "v:z"], **options)

    def answers(self, frame: pd.DataFrame, **options: bool) -> pd.DataFrame:
        found: pd.DataFrame = self.job(frame, **options).to_df()
        return found.sort_values("row").reset_index(drop=True)


@pytest.mark.parametrize(
    ("seed", "ttl", "made", "full"),
    [(1, 0, False, False), (2, 60, False, True), (3, 0, True, False), (4, 30, True, True)],
)
def test_answers_are_those_of_feasts_own(
    tmp_path: Path, seed: int, ttl: int, *, made: bool, full: bool
) -> None:
    table = history(seed, 300, 5)
    if not made:  # Feast chooses freely between rows of one moment
        table = table.drop_duplicates(["who", "known"])
    frame = asking(seed, 400, 5)
    ours, feasts = (
        Repo(tmp_path / str(i), kind, table, ttl, made=made).answers(frame, full_feature_names=full)
        for i, kind in enumerate((OURS, "duckdb"))
    )
    pd.testing.assert_frame_equal(ours, feasts[list(ours)])
    assert ours["v__x" if full else "x"].notna().sum() > 50
    assert ours["v__x" if full else "x"].isna().sum() > 5


def most_rows(job: Any, profile: Path) -> int:
    """The most rows that any step of the join makes."""
    import ibis

    engine = ibis.get_backend(job.table)
    engine.raw_sql("SET enable_profiling = 'json'")
    engine.raw_sql(f"SET profiling_output = '{profile}'")
    try:
        job.to_df()
    finally:
        engine.raw_sql("SET enable_profiling = 'no_output'")

    def steps(plan: dict[str, Any]) -> list[int]:
        below = [rows for child in plan.get("children", ()) for rows in steps(child)]
        return [int(plan["intermediate_rows"]), *below]

    return max(n for plan in json.loads(profile.read_text())["operator"] for n in steps(plan))


def test_an_entity_of_all_rows_makes_no_more_rows_than_entities_of_one(tmp_path: Path) -> None:
    """Feast's own makes a row of every pair."""
    rows = 2_000
    table = history(5, rows, 1)
    table["known"] = at(range(rows))
    frame = asking(5, rows, 1)
    frame[ASKED] = at(range(1, rows + 1))
    frame["who"] = "e0"
    made = {
        kind: most_rows(Repo(tmp_path / name, kind, table).job(frame), tmp_path / f"{name}.json")
        for name, kind in (("ours", OURS), ("feasts", "duckdb"))
    }
    assert made[OURS] == rows
    assert made["duckdb"] > rows * rows / 4
