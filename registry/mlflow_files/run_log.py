"""What MLflow records of a training run: parameters, metrics, tags, data sets, its trials.

Loading this module loads MLflow: only `registry.tracking` does.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
)

from domain.versions.manifest import Manifest, Sealed
from domain.versions.run_record import TrialRecord

LONGEST = 500
"""Characters of a parameter or tag that every MLflow server takes."""
DIGEST = 36
"""Characters of a data set's digest that MLflow takes."""


def metrics_of(manifest: Sealed, at_ms: int) -> list[Any]:
    """Metrics with the ends of their intervals, and counts, at a moment in ms since 1970."""
    ends = {
        name + suffix: value
        for name, interval in manifest.metrics.items()
        for suffix, value in (
            ("", interval.value),
            (".low", interval.low),
            (".high", interval.high),
        )
    }
    counts = {f"count.{name}": float(count) for name, count in manifest.counts.items()}
    return [Metric(name, value, at_ms, 0) for name, value in (ends | counts).items()]


def params_of(manifest: Sealed, logged: Mapping[str, str]) -> list[Any]:
    """Parameters that the run has not got: MLflow refuses to change one."""
    parameters: dict[str, object] = dict(manifest.searchable())
    if isinstance(manifest, Manifest):
        lineage = manifest.lineage
        parameters |= {
            f"config.{name}": value for name, value in _flat(lineage.configuration).items()
        }
        if lineage.searched is not None:
            parameters |= lineage.searched.parameters
    return [Param(name, _text(value)) for name, value in parameters.items() if name not in logged]


def tags_of(manifest: Sealed) -> list[Any]:
    """The code and the data that a version was made from, as MLflow's page shows them."""
    tags = {"kind": manifest.kind, MLFLOW_SOURCE_TYPE: "LOCAL", MLFLOW_SOURCE_NAME: "leadscore"}
    if isinstance(manifest, Manifest):
        lineage = manifest.lineage
        tags |= {
            MLFLOW_SOURCE_NAME: "leadscore train",
            "data_hash": lineage.log_hash,
            "lock_hash": lineage.lock_hash,
            **{f"library.{name}": number for name, number in lineage.libraries.items()},
        }
        if lineage.commit:
            tags |= {MLFLOW_GIT_COMMIT: lineage.commit, "code_version": lineage.commit}
    return [RunTag(name, _text(value)) for name, value in tags.items()]


def datasets_of(manifest: Sealed) -> list[Any]:
    """The rows that a model was fitted and tested on, by the events that they were made from."""
    if not isinstance(manifest, Manifest):
        return []
    lineage, texts = manifest.lineage, set(manifest.categories)
    columns = [
        {"type": "string" if name in texts else "double", "name": name, "required": True}
        for name in manifest.features
    ]
    source = {
        "events": lineage.events,
        "log_hash": lineage.log_hash,
        "watermark_us": lineage.watermark_us,
        "feature_service": manifest.service,
    }
    return [
        DatasetInput(
            Dataset(
                name=f"{manifest.service}_{part}",
                digest=_digest(lineage.log_hash, lineage.configuration_hash, part),
                source_type="leadscore_log",
                source=json.dumps(source),
                schema=json.dumps({"mlflow_colspec": columns}),
                profile=json.dumps(_profile(manifest.counts, key)),
            ),
            [InputTag(MLFLOW_DATASET_CONTEXT, context)],
        )
        for part, key, context in (("rows", "train", "training"), ("test", "test", "evaluation"))
    ]


def trial_of(trial: TrialRecord, parent: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Metrics, parameters and tags of a trial's run, a child of the run `parent`."""
    steps = [
        Metric("log_loss_fold", loss, trial.ended_ms, step)
        for step, loss in enumerate(trial.losses)
    ]
    if trial.loss is not None:
        steps.append(Metric("log_loss", trial.loss, trial.ended_ms, 0))
    if trial.trees is not None:
        steps.append(Metric("trees", float(trial.trees), trial.ended_ms, 0))
    params = [Param(name, _text(value)) for name, value in trial.parameters.items()]
    return steps, params, [RunTag("state", trial.state), RunTag(MLFLOW_PARENT_RUN_ID, parent)]


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:DIGEST]


def _profile(counts: Mapping[str, int], part: str) -> dict[str, int]:
    counts_of_part = {
        "num_rows": counts.get(f"{part}_rows"),
        "positives": counts.get(f"{part}_positives"),
    }
    return {name: count for name, count in counts_of_part.items() if count is not None}


def _flat(document: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """A configuration without levels: `split.test_share`."""
    out: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[prefix + name] = value
    return out


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
