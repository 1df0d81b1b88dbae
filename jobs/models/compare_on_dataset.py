"""Compares two versions on a frozen data set: both score its rows, the rule judges."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import DAY, iso
from domain.errors import BadInput
from domain.versions.manifest import Manifest, Stage
from jobs.models.canary import labelled, learnt_by, margin_of
from monitoring.canary import CanaryVerdict, compare, not_comparable
from monitoring.canary_rule import STANDARD_FILE, load_rule
from monitoring.canary_target import Learnt, Target, common
from monitoring.frozen_rows import FrozenRows, read_frozen, table_of
from registry.store import Registry
from scoring.mlflow_model import VersionModel
from training.evaluation.tested_rows import TEST_ROWS_FILE
from wiring.registry import open_registry


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version's label, its folder, and what it says of itself."""

    label: str
    folder: Path
    manifest: Manifest


def compare_on_dataset(
    settings: Settings,
    file: Path,
    champion: str | None,
    challenger: str | None,
    horizon_days: float | None = None,
    *,
    include_training: bool = False,
) -> CanaryVerdict:
    """Compare two versions, by default champion and challenger, on the rows of a file.

    Rows that either version may have learnt from are left out, unless `include_training`. Raises
    BadInput where the file lacks features or tells another outcome, Missing where it is not there.
    """
    registry = open_registry(settings)
    rule = load_rule(rules_file(settings, STANDARD_FILE))
    one = _opened(registry, champion, Stage.CHAMPION)
    other = _opened(registry, challenger, Stage.CHALLENGER)
    if one.label == other.label:
        raise BadInput(
            f"--champion and --challenger are both {one.label}", rule="canary-two-versions"
        )
    frozen = read_frozen(file)
    learnt = [learnt_by(version.manifest) for version in (one, other)]
    target = _target(frozen, learnt[0], learnt[1], horizon_days)
    if target is None:
        return not_comparable(one.label, other.label, learnt[0], learnt[1], rule)
    _require_features(frozen, (one, other))
    begin = 0 if include_training else max(unseen_from(v) for v in (one, other))
    kept = frozen.cutoffs_us >= begin
    scores = {version.label: _scores(version, frozen.frame[kept]) for version in (one, other)}
    table = table_of(frozen, kept, scores, target.horizon_days, target.outcome)
    margin = margin_of(one.manifest, rule)
    verdict = compare(table, one.label, other.label, rule, target, margin=margin)
    return msgspec.structs.replace(verdict, source=_source(file, frozen, kept, begin))


def unseen_from(version: VersionFolder) -> int:
    """From which moment on a version has learnt from no row, in microseconds since 1970.

    The first of its test, later where training labels reach into the test's time; of a version
    that kept no test rows, the end of its log.
    """
    manifest = version.manifest
    if TEST_ROWS_FILE not in manifest.files:
        return manifest.lineage.watermark_us
    moments = pd.read_parquet(version.folder / TEST_ROWS_FILE, columns=["moment_us"])
    split = manifest.lineage.configuration.get("split")
    embargo = split.get("embargo_days") if isinstance(split, dict) else None
    short = 0.0 if embargo is None else max(manifest.horizon_days - float(embargo), 0.0)
    return int(moments["moment_us"].min()) + round(short * DAY)


def _opened(registry: Registry, name: str | None, stage: Stage) -> VersionFolder:
    label = labelled(registry, name, stage)
    return VersionFolder(label, *registry.fetch(label))


def _target(
    frozen: FrozenRows, one: Learnt, other: Learnt, horizon_days: float | None
) -> Target | None:
    """The outcome that the file's labels tell, where both versions learnt it."""
    described = frozen.described
    if described is None:
        return common(one, other, horizon_days)
    stated = described.horizon_days if horizon_days is None else horizon_days
    if {one.outcome, other.outcome} != {described.outcome} or stated != described.horizon_days:
        raise BadInput(
            f"the data set tells {described.in_words}, the versions {one.in_words} and "
            f"{other.in_words}",
            rule="dataset-outcome",
            where="--data",
            todo="Freeze one with the outcome and horizon that both versions learnt.",
        )
    return common(one, other, stated)


def _require_features(frozen: FrozenRows, versions: tuple[VersionFolder, ...]) -> None:
    for version in versions:
        absent = sorted(set(version.manifest.features) - set(frozen.frame.columns))
        if absent:
            service = version.manifest.service
            raise BadInput(
                f"{len(absent)} features of {version.label} (feature service {service}) have no "
                f"column: {', '.join(absent[:5])}",
                rule="dataset-features",
                where="--data",
                todo=f"Freeze a data set in a home whose feature service is {service}.",
            )


def _scores(version: VersionFolder, rows: pd.DataFrame) -> NDArray[np.float64]:
    if not len(rows):
        return np.empty(0)
    return np.asarray(VersionModel(version.folder).predict(rows), dtype=np.float64)


def _source(file: Path, frozen: FrozenRows, kept: NDArray[np.bool_], begin: int) -> str:
    text = f"{file.name}, {len(kept):,} rows, digest {frozen.digest[:16]}"
    left_out = int((~kept).sum())
    if not begin:
        return f"{text}; rows that the versions learnt from are included"
    return f"{text}; {left_out:,} left out: before {iso(begin)} a version may have learnt from them"
