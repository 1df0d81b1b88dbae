"""MLflow, as the registry uses it: runs, artifacts, versions, aliases and tags.

Loading this module loads MLflow (seconds): only `registry.store` does, and only when it must.
MLflow mirrors the ledger; a version that the ledger does not hold keeps the tag `incomplete`.
Whoever starts the process sets MLFLOW_DISABLE_TELEMETRY, DO_NOT_TRACK and
MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR beforehand: MLflow reads them while it is imported.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from domain.clock import DAY
from domain.errors import BadInput, Unavailable
from domain.versions.manifest import MANIFEST, M, Manifest, Sealed, Stage
from domain.versions.run_record import RunRecord, read_record
from registry.cache import open_checked
from registry.ledger_entry import Registration
from registry.mlflow_files.model_files import write_model_files
from registry.mlflow_files.relocation import EXPERIMENT
from registry.mlflow_files.report_note import ReportNote
from registry.mlflow_files.run_log import (
    LONGEST,
    datasets_of,
    metrics_of,
    params_of,
    tags_of,
    trial_of,
)

FOLDER = "version"
"""The folder of a run's artifacts that holds a version's files."""

REPORT_FOLDER = "monitoring"
"""The folder of a run's artifacts that holds the newest report."""

TRIES = 5
TRIALS = 200
"""So many trials become runs at most, the newest: each takes a tenth of a second or so."""
INCOMPLETE = "incomplete"
MANIFEST_TAG = "manifest"
STAGE_TAG = "stage"
MARK_TAG = "registration"
ALIASES = (Stage.CHAMPION, Stage.CHALLENGER)


@dataclass(frozen=True, slots=True)
class Upload:
    """A run that holds a version's files; `own` says that the registry made the run."""

    run_id: str
    source: str
    own: bool


class Tracking:
    """An MLflow server or database. Every method raises Unavailable where it does not answer.

    `artifact_root` is where runs that the registry makes keep their files: a URI.
    """

    def __init__(self, uri: str, artifact_root: str) -> None:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._uri, self._artifact_root = uri, artifact_root
        with _answering():
            self._client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def upload(
        self, folder: Path, manifest: Sealed, run_id: str | None, at_ms: int, mark: str
    ) -> Upload:
        """Log a version's files and all that is told of it to a run, a new one if none is given.

        A run of the registry's own began when the version's training did, and its search's trials
        are runs within it. All of these have the tag `mark`, by which `end` finds them.
        """
        record = read_record(folder)
        with _answering():
            own = run_id is None
            run = (
                self._new_run(manifest.name, record.started_ms if record else at_ms, mark)
                if run_id is None
                else self._client.get_run(run_id)
            )
            identity = run.info.run_id
            self._log_files(identity, folder, manifest)
            self._client.log_batch(
                identity,
                metrics=metrics_of(manifest, at_ms),
                params=params_of(manifest, run.data.params),
                tags=tags_of(manifest) if own else [],
            )
            self._log_datasets(identity, manifest)
            if record is not None:
                self._log_trials(run.info, record, mark)
            return Upload(identity, f"{run.info.artifact_uri}/{FOLDER}", own)

    def finish(self, upload: Upload, label: str, at_ms: int) -> None:
        """End a run that the registry made, named by the version that came of it."""
        if upload.own:
            with _answering():
                self._finish(upload.run_id, label, at_ms)

    def end(self, mark: str, labels: Mapping[str, str], at_ms: int) -> None:
        """End the runs of a registration that was broken off: what it left running was killed.

        A run that is in `labels`, by its id, has become a version all the same.
        """
        with _answering():
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return
            query = f"tags.{MARK_TAG} = '{mark}' and attributes.status = 'RUNNING'"
            for run in self._client.search_runs([experiment.experiment_id], query):
                if label := labels.get(run.info.run_id):
                    self._finish(run.info.run_id, label, at_ms)
                else:
                    self._client.set_terminated(run.info.run_id, "KILLED", at_ms)

    def _finish(self, run_id: str, label: str, at_ms: int) -> None:
        day = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
        self._client.update_run(run_id, name=f"{label}, {day}")
        self._client.set_terminated(run_id, end_time=at_ms)

    def _log_files(self, run_id: str, folder: Path, manifest: Sealed) -> None:
        kept = self._files_of(run_id)
        kept.log_artifacts(str(folder), FOLDER)
        if isinstance(manifest, Manifest):
            with TemporaryDirectory() as beside:
                files = Path(beside) / "model"
                write_model_files(manifest, files)
                kept.log_artifacts(str(files), FOLDER)

    def _files_of(self, run_id: str) -> Any:
        """The files of a run, where its database says now.

        MLflow's client remembers places by the run alone: of a copy of a home, the original's.
        """
        place = self._client.get_run(run_id).info.artifact_uri
        return get_artifact_repository(place, tracking_uri=self._uri)

    def _log_datasets(self, run_id: str, manifest: Sealed) -> None:
        """Two that name the same data set at once meet in MLflow's database: one tries again."""
        for left in range(TRIES, 0, -1):
            try:
                self._client.log_inputs(run_id, datasets_of(manifest))
            except MlflowException:
                if left == 1:
                    raise
            else:
                return

    def _log_trials(self, parent: Any, record: RunRecord, mark: str) -> None:
        for trial in record.trials[-TRIALS:]:
            metrics, params, tags = trial_of(trial, parent.run_id)
            name, began = f"trial {trial.number}", trial.started_ms
            child = self._client.create_run(
                parent.experiment_id, began, {MARK_TAG: mark}, name
            ).info.run_id
            self._client.log_batch(child, metrics=metrics, params=params, tags=tags)
            self._client.set_terminated(child, end_time=trial.ended_ms)

    def create_version(self, upload: Upload, manifest: Sealed, manifest_hash: str) -> int:
        """A new version's number. It stays `incomplete` until the ledger holds it."""
        tags = {
            **manifest.searchable(),
            "kind": manifest.kind,
            STAGE_TAG: INCOMPLETE,
            MANIFEST_TAG: manifest_hash,
        }
        with _answering():
            self._ensure_model(manifest.name)
            version = self._client.create_model_version(
                manifest.name,
                upload.source,
                upload.run_id,
                tags=tags,
                await_creation_for=0,
            )
            return int(version.version)

    def mirror(self, name: str, stages: Mapping[int, Stage]) -> None:
        """Make the tags and aliases of a model's versions agree with the ledger."""
        with _answering():
            tagged = {
                int(version.version): version
                for version in self._client.search_model_versions(f"name='{name}'")
            }
            for number, stage in stages.items():
                if number in tagged and tagged[number].tags.get(STAGE_TAG) != stage:
                    self._client.set_model_version_tag(name, str(number), STAGE_TAG, str(stage))
            aliases = self._client.get_registered_model(name).aliases
            for alias in ALIASES:
                wanted = next((n for n, s in stages.items() if s == alias and n in tagged), 0)
                now = int(aliases.get(alias, 0))
                if wanted and wanted != now:
                    self._client.set_registered_model_alias(name, str(alias), str(wanted))
                elif now and not wanted:
                    self._client.delete_registered_model_alias(name, str(alias))

    def annotate(self, registration: Registration, note: ReportNote) -> None:
        """Tag a version with a report's findings; its run gets metrics of the moment, and the page.

        A metric's step is the day.
        """
        version, run = registration.version, registration.run_id
        at_ms, day = note.at_us // 1000, note.at_us // DAY
        metrics = [Metric(name, value, at_ms, day) for name, value in note.metrics.items()]
        with _answering():
            self._client.log_batch(run, metrics=metrics)
            self._files_of(run).log_artifact(str(note.page), REPORT_FOLDER)
            for name, value in note.tags.items():
                short = value[:LONGEST]
                self._client.set_model_version_tag(version.name, str(version.version), name, short)

    def download(self, registration: Registration, part: Path, kind: type[M]) -> M:
        """Fetch a version's files into an empty folder. Raises BadInput unless all are as sealed.

        Only files that the registered manifest lists are fetched.
        """
        label = registration.version.label
        self._check_tag(registration)
        with _answering():
            kept = self._files_of(registration.run_id)
        self._fetch(kept, registration.run_id, MANIFEST, part, label)
        try:
            listed = msgspec.json.decode((part / MANIFEST).read_bytes(), type=kind).files
        except msgspec.DecodeError as bad:
            raise _altered(MANIFEST, label) from bad
        for name in listed:
            self._fetch(kept, registration.run_id, name, part, label)
        return open_checked(part, registration.manifest_hash, label, kind)

    def _check_tag(self, registration: Registration) -> None:
        version = registration.version
        with _answering():
            version_now = self._client.get_model_version(version.name, str(version.version))
        if version_now.tags.get(MANIFEST_TAG) != registration.manifest_hash:
            raise _altered(f"the tag {MANIFEST_TAG!r}", version.label)

    def _fetch(self, kept: Any, run_id: str, name: str, part: Path, label: str) -> None:
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with _answering():
            folder = f"{FOLDER}/{name}".rpartition("/")[0]
            listed = {item.path for item in kept.list_artifacts(folder)}
            if f"{FOLDER}/{name}" not in listed:
                raise BadInput(f"{name} is missing", rule="version-complete", where=label)
            self._client.download_artifacts(run_id, f"{FOLDER}/{name}", str(target.parent))

    def _new_run(self, name: str, start_ms: int, mark: str) -> Any:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            try:
                self._client.create_experiment(EXPERIMENT, artifact_location=self._artifact_root)
            except MlflowException as bad:
                if bad.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
        return self._client.create_run(experiment.experiment_id, start_ms, {MARK_TAG: mark}, name)

    def _ensure_model(self, name: str) -> None:
        try:
            self._client.create_registered_model(name)
        except MlflowException as bad:
            if bad.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _altered(what: str, label: str) -> BadInput:
    return BadInput(
        f"{what} was changed after it was registered", rule="version-unaltered", where=label
    )


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as bad:
        raise Unavailable(
            f"MLflow failed ({type(bad).__name__}: {bad})",
            rule="mlflow-available",
            todo="Check the tracking database or server, then try again.",
        ) from bad
