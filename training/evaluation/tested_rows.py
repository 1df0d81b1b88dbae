"""What a version said of its test's rows: kept, so that two versions can be compared on the same.

A row is known by a number made of the lead's id and the moment; nothing else says whose it is.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.errors import Refused
from domain.measurement import Interval
from measures.calibration import log_losses
from measures.resampling import ResampledMeasure, Resampling
from training.data.cutoffs import Cutoff
from training.data.dataset import Dataset

TEST_ROWS_FILE = "test_rows.parquet"
LEAST = 5
"""Common rows with and without the outcome below which two versions are not compared."""

SHARES = (0.1,)


def row_numbers(cutoffs: Sequence[Cutoff]) -> NDArray[np.int64]:
    """A number for each lead at each moment [n], the same in every run."""
    digests = (
        blake2b(f"{c.lead_id} {c.moment_us}".encode(), digest_size=8).digest() for c in cutoffs
    )
    return np.array([int.from_bytes(d, "big", signed=True) for d in digests], dtype=np.int64)


def write_test_rows(
    numbers: NDArray[np.int64], test: Dataset, chance: NDArray[np.float64], folder: Path
) -> None:
    """Write rows [n] with labels, weights, companies and probabilities into a version's folder."""
    frame = pd.DataFrame(
        {
            "row": numbers,
            "moment_us": test.moments,
            "company": test.groups,
            "label": test.labels,
            "weight": test.weights,
            "chance": chance,
        }
    )
    frame.to_parquet(folder / TEST_ROWS_FILE, index=False)


def common_rows(one: Path, other: Path) -> pd.DataFrame:
    """The rows of both versions' tests, in the order of time; `chance` and `chance_other`.

    Raises Refused where a version has kept none, or too few are common.
    """
    for folder in (one, other):
        if not (folder / TEST_ROWS_FILE).is_file():
            raise Refused(
                "a version was made before its test's rows were kept",
                rule="same-test-rows",
                todo="Train it again: `leadscore train`.",
            )
    frames = [pd.read_parquet(folder / TEST_ROWS_FILE) for folder in (one, other)]
    both = frames[0].merge(frames[1], on=["row", "moment_us", "label"], suffixes=("", "_other"))
    won = int(both["label"].sum())
    if min(won, len(both) - won) < LEAST:
        raise Refused(
            f"the tests have {len(both):,} rows in common, {won:,} of them with the outcome "
            f"(of {len(frames[0]):,} and {len(frames[1]):,}): at least {LEAST} must have it, and "
            f"{LEAST} not",
            rule="same-test-rows",
            todo="Train both on the same log: measures of different windows say nothing about "
            "which is better.",
        )
    return both.sort_values(["moment_us", "row"], ignore_index=True)


def measured(rows: pd.DataFrame, seed: int = 0) -> dict[str, tuple[Interval, Interval, Interval]]:
    """By measure: of the one version, of the other, and the other's less the one's, paired.

    Rows weigh what they weigh in both tests on average.
    """
    labels = rows["label"].to_numpy(dtype=np.float64)
    weights = (rows["weight"] + rows["weight_other"]).to_numpy(dtype=np.float64) / 2
    drawn = Resampling(rows["company"].to_numpy(), len(rows), seed=seed, w=weights)
    a, b = (
        _drawn(drawn, labels, rows[name].to_numpy(dtype=np.float64))
        for name in ("chance", "chance_other")
    )
    return {
        name: (a[name].interval(), b[name].interval(), (b[name] - a[name]).interval()) for name in a
    }


def _drawn(
    drawn: Resampling, labels: NDArray[np.float64], chance: NDArray[np.float64]
) -> dict[str, ResampledMeasure]:
    return {
        **drawn.ranking(labels, chance, SHARES),
        "brier": drawn.mean((chance - labels) ** 2),
        "log_loss": drawn.mean(log_losses(labels, chance)),
        "told": drawn.mean(chance),
    }
