"""`leadscore monitor report`: as of a past moment, and what it leaves in MLflow."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import list_artifacts

from config.settings import Settings
from tests.commands import leadscore
from tests.conftest import Trained
from tests.monitoring.test_drift_path import events_of, ingested, scored, week
from wiring.registry import open_registry


def report(home: Path, *words: str) -> dict[str, Any]:
    answer = leadscore(home, "monitor", "report", "--json", *words)
    assert answer.returncode == 0, answer.stderr
    summary: dict[str, Any] = json.loads(answer.stdout)
    return summary


@pytest.mark.slow
def test_a_past_moment_knows_what_was_known_then(
    own_home: Settings, trained: Trained, tmp_path: Path
) -> None:
    scored(own_home, tmp_path / "first")
    first = report(own_home.home)
    linked(own_home, first)
    ingested(own_home, week(events_of(trained.signals), 1), tmp_path / "next.jsonl")
    scored(own_home, tmp_path / "second")
    past = ("--as-of", first["meta"]["made"], "--out", str(tmp_path / "then"))
    assert report(own_home.home, *past) == first
    assert report(own_home.home)["meta"]["decisions"] > first["meta"]["decisions"]


def linked(settings: Settings, summary: dict[str, Any]) -> None:
    """MLflow says of the champion what the report says, and where it is."""
    registration = open_registry(settings).standing().registration(summary["meta"]["model"])
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    version = registration.version
    tags = client.get_model_version(version.name, str(version.version)).tags
    assert tags["monitoring.verdict"] == summary["verdict"]
    assert tags["monitoring.made"] == summary["meta"]["made"]
    for name in ("monitoring.report", "monitoring.snapshot"):
        assert (settings.home / tags[name]).is_file()
    run = client.get_run(registration.run_id)
    figures = {f["name"]: f["value"] for f in summary["figures"] if f["by"] == "all"}
    assert {n: run.data.metrics[f"monitoring.{n}"] for n in figures} == pytest.approx(figures)
    # not by the client: it remembers where the run lay before its home was copied
    pages = list_artifacts(f"{run.info.artifact_uri}/monitoring")
    assert [page.path for page in pages] == ["monitoring/report.html"]
