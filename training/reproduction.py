"""A version and the same run done again: whether they predict the same, and what went in. Pure."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from domain.versions.manifest import REFERENCE_FILE, Lineage, Manifest
from training.data.reference_sample import ACCOUNT

CLOSE = 1e-9
"""Predictions that differ by no more are equal: another machine may round otherwise."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run is made from: as recorded with the version, and as it is now."""

    name: str
    recorded: str
    now: str

    @property
    def same(self) -> bool:
        """Whether it is what it was."""
        return self.recorded == self.now


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """The reference sample and the percentiles of all test rows, then and now.

    `largest` is the largest difference of a score, None where the rows are not the same ones.
    `columns` are those whose values differ, or that one side lacks.
    """

    rows: int
    rows_now: int
    largest: float | None
    columns: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the same rows got the same scores."""
        return not self.columns and self.largest is not None and self.largest <= CLOSE


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """What came of doing a run again. `predictions` is None where it could not be done again."""

    version: str
    equal: bool
    predictions: Predictions | None
    inputs: tuple[Input, ...]
    differing: tuple[str, ...]


def conclude(
    version: str, inputs: Sequence[Input], predictions: Predictions | None
) -> Reproduction:
    """What to say of a version done again, with these inputs and predictions."""
    return Reproduction(
        version=version,
        equal=predictions is not None and predictions.equal,
        predictions=predictions,
        inputs=tuple(inputs),
        differing=tuple(one.name for one in inputs if not one.same),
    )


def inputs_of(then: Lineage, now: Lineage) -> list[Input]:
    """All that a run is made from, side by side; libraries that were not recorded are left out."""
    pairs = {
        "log": (f"{then.events} events, {then.log_hash}", f"{now.events} events, {now.log_hash}"),
        "configuration": (then.configuration_hash, _read(then, now)),
        "seed": (str(then.seed), str(now.seed)),
        "code commit": (then.commit, now.commit),
        "lock file": (then.lock_hash, now.lock_hash),
    }
    for name, version in then.libraries.items():
        pairs[name] = (version, now.libraries.get(name, "absent"))
    return [Input(name=name, recorded=a, now=b) for name, (a, b) in pairs.items()]


def search_of(then: Lineage, now: Lineage) -> list[Input]:
    """What the search found, then and now: of many processes it depends on who was faster."""
    if then.searched is None or now.searched is None:
        return []
    a, b = (str(sorted(one.parameters.items())) for one in (then.searched, now.searched))
    return [Input(name="search", recorded=a, now=b)]


def _read(then: Lineage, now: Lineage) -> str:
    """The recorded configuration's hash where this code reads all of it as it was meant."""
    same = _within(then.configuration, now.configuration)
    return then.configuration_hash if same else now.configuration_hash


def _within(part: object, whole: object) -> bool:
    """Whether a document says all that another says; settings that are new say more."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _within(value, whole[name]) for name, value in part.items())
    return part == whole


def compare(then: Path, now: Path, recorded: Manifest, rebuilt: Manifest) -> Predictions:
    """Compare the predictions of two sealed versions."""
    a, b = (pd.read_parquet(folder / REFERENCE_FILE) for folder in (then, now))
    same_rows = len(a) == len(b)
    names = [str(name) for name in (*a, *(name for name in b if name not in a))]
    if ACCOUNT not in a:  # of a version made before it was kept
        names = [name for name in names if name != ACCOUNT]
    columns = [
        name
        for name in names
        if name not in a
        or name not in b
        or (name != "score" and not (same_rows and a[name].equals(b[name])))
    ]
    gaps = [_largest(recorded.quantiles, rebuilt.quantiles)]
    if same_rows and "score" in a and "score" in b:
        gaps.append(_largest(a["score"].to_list(), b["score"].to_list()))
    return Predictions(
        rows=len(a),
        rows_now=len(b),
        largest=max(gaps) if same_rows else None,
        columns=tuple(columns),
    )


def _largest(a: Sequence[float], b: Sequence[float]) -> float:
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0))
