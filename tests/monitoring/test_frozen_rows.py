"""A frozen data set is read as it was written, or refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from domain.errors import BadInput, Missing
from monitoring.canary import compare
from monitoring.canary_rule import load_rule
from monitoring.canary_target import Learnt
from monitoring.frozen_rows import digest_of, read_frozen, table_of, write_frozen

WON = Learnt(outcome="won", horizon_days=30)


def frame(rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows) % 90, unit="D")
    return pd.DataFrame(
        {
            "lead": np.arange(rows),
            "account": np.arange(rows) // 2,
            "cutoff": days,
            "label": (rng.random(rows) < 0.2).astype(np.int8),
            "visits": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
            "industry": rng.choice(["", "steel", "wood"], rows),
        }
    )


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, rows = tmp_path / "rows.parquet", frame()
    described = write_frozen(rows, WON, "standard_v1", 5, path)
    frozen = read_frozen(path)
    assert frozen.described == described
    assert frozen.digest == described.digest == digest_of(rows)
    assert (described.rows, described.outcome) == (600, "won")
    assert np.all(np.diff(frozen.cutoffs_us) >= 0)
    assert frozen.cutoffs_us[0] == pd.Timestamp("2026-01-01", tz="UTC").value // 1000
    assert list(tmp_path.iterdir()) == [path]


def test_the_digest_is_of_values(tmp_path: Path) -> None:
    rows = frame()
    assert digest_of(rows[list(rows)[::-1]]) == digest_of(rows), "not of the order of columns"
    other = rows.assign(visits=rows["visits"].where(rows.index != 3, 0.123))
    assert digest_of(other) != digest_of(rows)


def test_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_frozen(frame(), WON, "standard_v1", 5, path)
    table = pq.read_table(path)
    labels = table.column("label").to_numpy() ^ 1
    at = table.schema.get_field_index("label")
    pq.write_table(table.set_column(at, "label", [labels]), path)
    with pytest.raises(BadInput, match="dataset-unaltered"):
        read_frozen(path)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda f: f.drop(columns="account"), "dataset-columns"),
        (lambda f: f.assign(cutoff=f["cutoff"].dt.tz_localize(None)), "dataset-columns"),
        (lambda f: f.assign(cutoff=1), "dataset-columns"),
        (lambda f: f.assign(label=2), "dataset-labels"),
        (lambda f: f.assign(label=np.nan), "dataset-labels"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path: Path, change: object, rule: str) -> None:
    path = tmp_path / "rows.parquet"
    change(frame()).to_parquet(path)  # type: ignore[operator]
    with pytest.raises(BadInput, match=rule):
        read_frozen(path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pytest.raises(Missing, match="dataset-file"):
        read_frozen(path)
    path.write_text("lead,account\n")
    with pytest.raises(BadInput, match="dataset-readable"):
        read_frozen(path)


def test_rows_are_compared_as_decisions_are(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    frame().to_parquet(path)
    frozen = read_frozen(path)
    assert frozen.described is None
    kept = frozen.cutoffs_us >= np.median(frozen.cutoffs_us)
    y = frozen.frame["label"].to_numpy(dtype=np.float64)[kept]
    scores = {"lead-1": np.full(len(y), 0.2), "lead-2": 0.1 + 0.6 * y}
    table = table_of(frozen, kept, scores, 30, "won")
    verdict = compare(table, "lead-1", "lead-2", load_rule(), margin=0.01)
    assert (verdict.matured, verdict.verdict) == (int(kept.sum()), "better")
    assert verdict.positives == y.sum()
