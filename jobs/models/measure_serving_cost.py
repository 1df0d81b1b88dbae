"""What a trained version costs to serve, measured before it is registered: time and size."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from domain.measurement import Interval
from domain.state import Matrix
from domain.versions.manifest import (
    MODEL_FILE,
    REFERENCE_FILE,
    TABLE_FILE,
    Manifest,
    open_sealed,
    seal,
)
from feature_repo.catalogue import category_names, number_names
from scoring.model.scorer import Scorer

ROWS = 300
"""Leads that are scored one by one."""


def measure(folder: Path, seconds: Callable[[], float]) -> Manifest:
    """Measure a sealed version as it serves, and seal it again with the figures.

    `latency_ms`: one lead's score with its explanation, by the clock `seconds`: the median, from
    the 1st to the 99th percentile. `bytes`: of model and table.
    """
    manifest = open_sealed(folder)
    times = _times(folder, manifest, seconds)
    low, middle, high = (float(q) for q in np.quantile(times, (0.01, 0.5, 0.99)))
    latency = Interval(value=middle, low=low, high=high, level=0.98)
    size = sum((folder / name).stat().st_size for name in (MODEL_FILE, TABLE_FILE))
    return seal(
        folder,
        msgspec.structs.replace(
            manifest,
            metrics={**manifest.metrics, "latency_ms": latency},
            counts={**manifest.counts, "bytes": size},
        ),
    )


def _times(folder: Path, manifest: Manifest, seconds: Callable[[], float]) -> list[float]:
    scorer = Scorer(manifest.name, folder, manifest, manifest.definition)
    rows, times = _rows(folder, manifest), []
    for numbers, texts in (rows[0], *rows):  # the first one warms up
        begun = seconds()
        scorer.explain(scorer.score(numbers, texts).leaves)
        times.append(1_000 * (seconds() - begun))
    return times[1:]


def _rows(folder: Path, manifest: Manifest) -> list[tuple[Matrix, list[list[str]]]]:
    """Rows of the reference sample, each by itself, as serving has them."""
    frame = pd.read_parquet(folder / REFERENCE_FILE)[:ROWS]
    numbers, texts = number_names(manifest.definition), category_names(manifest.definition)
    full = frame.reindex(columns=[*numbers, *texts])
    values = full[list(numbers)].to_numpy(dtype=np.float64)
    words = full[list(texts)].fillna("").astype(str).to_numpy().tolist()
    return [(values[i : i + 1], words[i : i + 1]) for i in range(len(full))]
