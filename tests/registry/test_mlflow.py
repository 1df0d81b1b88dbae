"""What an MLflow user finds in a home: models by alias, runs, trials, data sets; homes move."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from config.settings import Settings
from domain.clock import to_us
from domain.versions.golden_rows import GOLDEN_FILE, GoldenRows
from domain.versions.manifest import MODEL_FILE, Stage, open_sealed
from feature_repo.catalogue import category_names, number_names
from registry.cache import open_cached
from registry.mlflow_files.relocation import relocate
from registry.mlflow_files.report_note import ReportNote
from registry.promotion import promote
from scoring.mlflow_model import VersionModel
from tests.conftest import ROOT, Trained
from wiring.registry import open_registry
from wiring.scoring import open_scoring

TRIALS = 2


@pytest.fixture
def moved(own_home: Settings) -> Iterator[Settings]:
    """A home that lies elsewhere than where it was trained, opened there once."""
    open_registry(own_home)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(own_home.tracking_uri)
    mlflow.set_registry_uri(own_home.tracking_uri)
    yield own_home
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def client_of(settings: Settings) -> Any:
    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def golden(folder: Path) -> tuple[pd.DataFrame, GoldenRows]:
    """Rows that the version was sealed with, as a frame of its features."""
    rows = msgspec.json.decode((folder / GOLDEN_FILE).read_bytes(), type=GoldenRows)
    features = open_sealed(folder).features
    numbers = pd.DataFrame(rows.numbers, dtype=np.float64)
    frame = pd.concat([numbers, pd.DataFrame(rows.texts, dtype=object)], axis=1)
    frame.columns = pd.Index(features)
    return frame, rows


def test_a_model_is_loaded_by_its_alias_and_says_what_the_service_says(moved: Settings) -> None:
    scoring = open_scoring(moved)
    leads = list(islice(scoring.plane.directory.all(), 100))
    answers = scoring.answerer.score([lead.lead_id for lead in leads])
    rows = scoring.answerer.features(leads, to_us(scoring.clock.now()))
    definition = scoring.plane.definition
    frame = pd.DataFrame(rows.numbers, columns=list(number_names(definition)))
    frame[list(category_names(definition))] = rows.texts
    for label, alias in (("lead-1", "champion"), ("lead-2", "challenger")):
        model = mlflow.pyfunc.load_model(f"models:/lead@{alias}")
        served = [
            i
            for i, answer in enumerate(answers)
            if answer.versions.model == label and not answer.degraded
        ]
        assert served
        probabilities = model.predict(frame.iloc[served])
        assert probabilities.tolist() == [answers[i].score for i in served]
        explained = model.predict(frame.iloc[served], params={"reasons": True})
        assert explained["probability"].tolist() == probabilities.tolist()
        for i, reasons in zip(served, explained["reasons"], strict=True):
            assert reasons == msgspec.to_builtins(list(answers[i].reasons))


def test_contributions_add_up_to_the_log_odds(moved: Settings) -> None:
    folder, manifest = open_registry(moved).fetch("lead-1")
    frame, rows = golden(folder)
    model = mlflow.pyfunc.load_model("models:/lead@champion")
    np.testing.assert_allclose(model.predict(frame), rows.scores, rtol=1e-12)
    shuffled = frame[sorted(frame.columns, reverse=True)]
    np.testing.assert_array_equal(model.predict(shuffled), model.predict(frame))
    told = model.predict(frame, params={"contributions": True})
    np.testing.assert_array_equal(told["probability"], model.predict(frame))
    parts = told[[f"contribution_{name}" for name in manifest.features]].sum(axis=1)
    np.testing.assert_allclose(told["bias"] + parts, told["log_odds"], atol=1e-9)
    np.testing.assert_allclose(told["log_odds"], rows.margins, atol=1e-9)


def test_a_model_says_what_it_takes_and_needs(moved: Settings) -> None:
    model = mlflow.pyfunc.load_model("models:/lead@challenger")
    manifest = open_registry(moved).fetch("lead-2")[1]
    assert model.metadata.get_input_schema().input_names() == list(manifest.features)
    assert model.metadata.get_output_schema().input_names() == ["probability"]
    assert len(model.predict(model.input_example)) == 1
    needed = mlflow.pyfunc.get_model_dependencies("models:/lead@challenger")
    assert "catboost==" in Path(needed).read_text()
    with pytest.raises(mlflow.exceptions.MlflowException, match="missing inputs"):
        model.predict(model.input_example.drop(columns=manifest.features[0]))


def test_what_is_not_known_may_be_none(moved: Settings) -> None:
    frame, _ = golden(open_registry(moved).fetch("lead-1")[0])
    manifest = open_registry(moved).fetch("lead-1")[1]
    model = VersionModel(open_registry(moved).fetch("lead-1")[0])
    empty, none = frame.copy(), frame.astype(object)
    for name in manifest.features:
        text = name in manifest.categories
        empty[name] = "" if text else np.nan
        none[name] = None
    np.testing.assert_array_equal(model.predict(none), model.predict(empty))


def test_an_altered_version_is_not_loaded(moved: Settings) -> None:
    for stored in (moved.home / "artifacts").rglob(MODEL_FILE):
        stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(Exception, match="was changed after it was sealed"):
        mlflow.pyfunc.load_model("models:/lead@champion")


def test_nothing_of_a_model_is_pickled(moved: Settings) -> None:
    suffixes = {path.suffix for path in (moved.home / "artifacts").rglob("*") if path.is_file()}
    assert suffixes & {".pkl", ".pickle", ".dill", ".joblib"} == set()
    for stored in (moved.home / "artifacts").rglob("MLmodel"):
        assert "loader_module: scoring.mlflow_model" in stored.read_text()
        assert "code: null" in stored.read_text()


def test_runs_tell_of_their_training(trained: Trained) -> None:
    client = client_of(trained.settings)
    version = client.get_model_version_by_alias("lead", "champion")
    run = client.get_run(version.run_id)
    manifest = open_registry(trained.settings).fetch("lead-1")[1]
    assert run.info.run_name.startswith("lead-1, ")
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time > 1_000
    assert run.data.params["config.trials"] == str(TRIALS)
    assert manifest.lineage.searched is not None
    assert run.data.params["depth"] == str(manifest.lineage.searched.parameters["depth"])
    assert run.data.metrics["auroc"] == manifest.metrics["auroc"].value
    assert run.data.tags["data_hash"] == manifest.lineage.log_hash
    assert run.data.tags["mlflow.source.git.commit"] == manifest.lineage.commit
    held = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    assert {*held} == {"standard_v1_rows", "standard_v1_test"}
    rows = held["standard_v1_rows"]
    assert [tag.value for tag in rows.tags] == ["training"]
    assert json.loads(rows.dataset.profile)["num_rows"] == manifest.counts["train_rows"]
    assert json.loads(rows.dataset.source)["log_hash"] == manifest.lineage.log_hash
    assert len(json.loads(rows.dataset.schema)["mlflow_colspec"]) == len(manifest.features)


def test_trials_are_runs_within_their_training(trained: Trained) -> None:
    client = client_of(trained.settings)
    parent = client.get_run(client.get_model_version_by_alias("lead", "champion").run_id)
    asked = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    trials = client.search_runs([parent.info.experiment_id], asked)
    assert len(trials) == TRIALS
    for trial in trials:
        assert {"depth", "learning_rate", "rsm"} <= {*trial.data.params}
        assert trial.data.metrics["log_loss"] > 0
        assert trial.info.start_time >= parent.info.start_time
        assert trial.info.end_time <= parent.info.end_time
    best = min(trials, key=lambda trial: trial.data.metrics["log_loss"])
    assert best.data.params["depth"] == parent.data.params["depth"]


def test_a_home_that_was_moved_is_whole(own_home: Settings, tmp_path: Path) -> None:
    there = tmp_path / "an other place"
    shutil.move(own_home.home, there)
    home = msgspec.structs.replace(own_home, home=there)
    registry = open_registry(home)
    shutil.rmtree(registry.cache / "versions" / "lead-2")
    assert registry.fetch("lead-2")[1].name == "lead"
    promote(registry, "lead-2", Stage.CHAMPION, by="ann", reason="moved", override=True)
    client = client_of(home)
    assert client.get_model_version_by_alias("lead", "champion").version == 2
    assert open_cached(registry.cache).champion.label == "lead-2"
    for version in client.search_model_versions("name='lead'"):
        assert version.source.startswith((there / "artifacts").resolve().as_uri())
        assert client.list_artifacts(version.run_id, "version")


def test_of_two_copies_each_keeps_its_own_files(own_home: Settings, tmp_path: Path) -> None:
    """MLflow's client remembers the place of a run for the whole process, whichever home it is."""
    there = tmp_path / "copy"
    shutil.copytree(own_home.home, there)
    for home in (own_home, msgspec.structs.replace(own_home, home=there)):
        page = tmp_path / "report.html"
        page.write_text(str(home.home))
        note = ReportNote(tags={}, metrics={}, at_us=1, page=page)
        open_registry(home).annotate("lead-1", note)
    for folder in (own_home.home, there):
        (page,) = (folder / "artifacts").rglob("report.html")
        assert page.read_text() == str(folder)


def test_after_a_move_only_what_lay_in_the_home_moves(tmp_path: Path, trained: Trained) -> None:
    database = tmp_path / "mlflow.db"
    shutil.copy(trained.settings.home / "mlflow.db", database)
    assert relocate(database, tmp_path / "a'b %c")
    assert not relocate(database, tmp_path / "a'b %c")
    assert not relocate(tmp_path / "none.db", tmp_path)
    (tmp_path / "torn.db").write_bytes(b"no database")
    assert not relocate(tmp_path / "torn.db", tmp_path)
    client = MlflowClient(f"sqlite:///{database}", f"sqlite:///{database}")
    assert client.get_experiment_by_name("Default").artifact_location != ""
    (source,) = {
        v.source.rpartition("/artifacts/")[0][: len(tmp_path.as_uri())]
        for v in client.search_model_versions("name='lead'")
    }
    assert source == tmp_path.as_uri()


def test_a_moved_model_is_loaded_by_another_process(moved: Settings) -> None:
    script = (
        "import sys, mlflow; mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/lead@champion')\n"
        "print(model.predict(model.input_example).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, moved.tracking_uri],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout == "(1,)\n", done.stderr
