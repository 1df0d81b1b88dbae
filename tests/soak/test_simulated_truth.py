"""Simulated truth: what a version tells of leads, against their true chances at that moment.

The truth knows each lead's hidden intent, which no feature shows: an error of 0 is out of reach.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from config.settings import Settings, write_home_settings
from domain.clock import to_us
from feature_repo.catalogue import category_names, number_names
from jobs.models.train import prepared
from jobs.signals.ingest_files import ingest_files
from measures.ranking import auroc
from scoring.model.scorer import Scorer
from simulation.scenarios import scenario
from simulation.simulator import START, simulate
from simulation.writer import WrittenCounts, write
from tests.conftest import SilentProgress
from training.config import Every, TrainingConfig
from training.run import Provenance, Studies
from wiring.features import open_features
from wiring.signals import open_signals

Array = NDArray[np.float64]
Pair = tuple[Array, Array]
LEADS, DAYS, HORIZON = 6_000, 240, 30
CONFIG = TrainingConfig(
    horizon_days=float(HORIZON),
    cutoffs=Every(days=14.0),
    begin=START + timedelta(days=28),  # as the simulation's cutoffs: midnights
    trials=4,
    iterations=300,
    border_count=64,
)


@dataclass(frozen=True)
class Moments:
    """Leads with their accounts, at moments, and their true chances then."""

    leads: list[str]
    accounts: list[str]
    moments: list[int]
    chances: list[float]


def true_chances(written: WrittenCounts, settings: Settings, since: datetime) -> Moments:
    """At the simulation's cutoffs from a moment on."""
    directory, held = open_signals(settings).directory, Moments([], [], [], [])
    for line in written.truth.read_bytes().splitlines():
        told = msgspec.json.decode(line)
        if told["kind"] == "cutoff" and datetime.fromisoformat(told["cutoff"]) >= since:
            lead = directory.find({"crm_id": told["crm_id"]})
            held.leads.append(lead.lead_id)
            held.accounts.append(lead.account_id or "")
            held.moments.append(to_us(datetime.fromisoformat(told["cutoff"])))
            held.chances.append(told["probability"])
    return held


@pytest.fixture(scope="module")
def told_and_true(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("truth")
    market = replace(scenario("steady"), anonymous=0.0)  # who stays unknown only costs time
    written = write(simulate(LEADS, 5, market, days=DAYS), folder / "s.jsonl")
    write_home_settings(folder / "home", clock="watermark")
    settings = Settings(home=folder / "home", clock="watermark")
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    run, place = prepared(settings, CONFIG, SilentProgress()), folder / "version"
    manifest = run.execute(place, Studies(folder / "studies"), Provenance("", ""), SilentProgress())
    return compared(Scorer("lead-1", place, manifest, manifest.definition), settings, written)


def compared(scorer: Scorer, settings: Settings, written: WrittenCounts) -> Pair:
    """What serving would have told in the last of the time, and what was true."""
    since = START + timedelta(days=DAYS - HORIZON - 28)
    rows, definition = true_chances(written, settings, since), scorer.manifest.definition
    history = open_features(settings, definition).history
    frame = history(rows.leads, rows.accounts, rows.moments)
    numbers = frame[list(number_names(definition))].to_numpy(dtype=np.float64)
    texts = frame[list(category_names(definition))].fillna("").astype(str).to_numpy().tolist()
    return scorer.score(numbers, texts).scores, np.array(rows.chances, dtype=np.float64)


@pytest.mark.soak
def test_scores_are_close_to_the_true_chances(told_and_true: Pair) -> None:
    told, true = told_and_true
    assert len(told) > 5_000
    error = np.abs(told - true).mean()
    assert error < 0.03
    assert error < np.abs(true - true.mean()).mean() / 1.5  # what a constant would err


@pytest.mark.soak
def test_on_average_they_are_the_true_chances(told_and_true: Pair) -> None:
    told, true = told_and_true
    tenth = np.argsort(np.argsort(told, kind="stable")) * 10 // len(told)
    off = [abs(told[tenth == i].mean() - true[tenth == i].mean()) for i in range(10)]
    assert np.mean(off) < 0.02
    assert auroc(true > np.median(true), told) > 0.85
