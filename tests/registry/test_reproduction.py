"""A version made again: equal where nothing moved, and exactly what differs where something did."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from config.settings import Settings
from domain.versions.manifest import REFERENCE_FILE, Lineage, Manifest
from jobs.signals.ingest_files import ingest_files
from tests.conftest import SilentProgress
from training.reproduction import Input, compare, conclude, inputs_of
from wiring.registry import open_registry


def lineage_of(settings: Settings, label: str = "lead-1") -> Lineage:
    return open_registry(settings).fetch(label)[1].lineage


def late(folder: Path, settings: Settings) -> Path:
    """More of the log: one event of long ago, and one of later than all."""
    path = folder / "late.jsonl"
    newest = lineage_of(settings).watermark_us // 1_000_000
    moments = [np.datetime64(s, "s").astype(str) + "Z" for s in (newest - 90 * 86_400, newest + 60)]
    with path.open("w") as stream:
        for number, moment in enumerate(moments):
            event = {
                "specversion": "1.0",
                "id": f"late-{number}",
                "source": "web",
                "type": "web.page_viewed",
                "time": moment,
                "identifiers": {"email": "someone@late.example.com"},
                "data": {"page": "pricing"},
            }
            stream.write(json.dumps(event) + "\n")
    return path


def test_equal_after_the_log_has_grown(own_home: Settings, tmp_path: Path) -> None:
    from jobs.models.reproduce_version import reproduce

    before = lineage_of(own_home)
    counts = ingest_files(own_home, [str(late(tmp_path, own_home))], None, lambda _: None)
    assert sum(one.accepted for one in counts.values()) == 2
    offline = {p.name: p.stat().st_mtime_ns for p in (own_home.home / "offline").rglob("*")}
    found = reproduce(own_home, "lead-1", SilentProgress())
    assert found.equal, found
    assert found.predictions is not None
    assert found.predictions.largest == 0.0
    assert found.differing == ()
    assert found.inputs[0].now.startswith(f"{before.events} events")
    assert {p.name: p.stat().st_mtime_ns for p in (own_home.home / "offline").rglob("*")} == offline
    assert not list(own_home.home.glob("reproduction-*"))
    assert open_registry(own_home).verify() is None


def test_one_event_that_was_tampered_with_names_the_log(own_home: Settings) -> None:
    from jobs.models.reproduce_version import reproduce

    with sqlite3.connect(own_home.home / "signals.db") as connection:
        query = "SELECT sequence, body FROM events WHERE type = 'web.page_viewed' LIMIT 1 OFFSET 99"
        sequence, body = connection.execute(query).fetchone()
        altered = body.replace(b'"page":"', b'"page":"x', 1)
        assert altered != body
        connection.execute("UPDATE events SET body = ? WHERE sequence = ?", (altered, sequence))
    for _ in range(2):
        found = reproduce(own_home, "lead-1", SilentProgress())
        assert not found.equal
        assert found.predictions is None
        assert found.differing == ("log",)
        with sqlite3.connect(own_home.home / "signals.db") as connection:
            connection.execute("UPDATE events SET body = x'7b' WHERE sequence = ?", (sequence,))


@pytest.fixture
def recorded(manifest: Any) -> Manifest:
    made: Manifest = manifest()
    return made


def test_every_input_that_differs_is_named(recorded: Manifest) -> None:
    held = msgspec.structs.replace(
        recorded.lineage, configuration={"seed": 7}, libraries={"catboost": "1.2.10"}
    )
    assert all(one.same for one in inputs_of(held, held))
    changes: dict[str, dict[str, Any]] = {
        "log": {"log_hash": "z"},
        "configuration": {"configuration": {"seed": 8}, "configuration_hash": "z"},
        "seed": {"seed": 8},
        "code commit": {"commit": "z"},
        "lock file": {"lock_hash": "z"},
        "catboost": {"libraries": {"catboost": "1.3"}},
    }
    for name, changed in changes.items():
        inputs = inputs_of(held, msgspec.structs.replace(held, **changed))
        assert conclude("lead-1", inputs, None).differing == (name,)
    more = {"seed": 7, "new_setting": 1}
    newer = msgspec.structs.replace(held, configuration=more, configuration_hash="z")
    assert conclude("lead-1", inputs_of(held, newer), None).differing == ()


def test_predictions_are_compared_row_by_row(recorded: Manifest, tmp_path: Path) -> None:
    rows = pd.DataFrame({"visit_count": [1.0, np.nan, 3.0], "score": [0.1, 0.2, 0.3]})
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    rows.to_parquet(folders[0] / REFERENCE_FILE)

    def against(frame: pd.DataFrame, quantiles: tuple[float, ...] = recorded.quantiles) -> Any:
        frame.to_parquet(folders[1] / REFERENCE_FILE)
        other = msgspec.structs.replace(recorded, quantiles=quantiles)
        return compare(folders[0], folders[1], recorded, other)

    assert against(rows).equal
    moved = against(rows.assign(score=[0.1, 0.2, 0.3001]))
    assert not moved.equal
    assert moved.largest == pytest.approx(1e-4)
    features = against(rows.assign(visit_count=[1.0, np.nan, 4.0]))
    assert (features.equal, features.columns) == (False, ("visit_count",))
    assert against(rows.rename(columns={"visit_count": "x"})).columns == ("visit_count", "x")
    fewer = against(rows[:2])
    assert (fewer.equal, fewer.largest, fewer.rows_now) == (False, None, 2)
    # the rest of the test rows stands in the percentiles
    assert not against(rows, (*recorded.quantiles[:-1], 1.5)).equal
    said = conclude("lead-1", [Input(name="log", recorded="a", now="a")], against(rows))
    assert said.equal
