"""Answers say where they rest on poor input; training keeps the profile that tells."""

import shutil
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from config.settings import Settings
from domain.clock import FixedClock, from_us
from domain.findings import QualityFindings
from domain.versions.input_profile import PROFILE_FILE, read_profile
from domain.versions.manifest import open_sealed
from feature_repo.quality import FeatureRules
from jobs.signals.quality_report import findings
from registry.cache import open_cached, read_cached_stages, version_folder
from scoring.answer import ScoringService
from scoring.model.input_gate import Gates, InputGate, InputRules, input_profile
from tests.conftest import Trained
from wiring.live_folders import cache_of
from wiring.scoring import Scoring, open_scoring


@pytest.fixture
def scoring(own_home: Settings) -> Scoring:
    return open_scoring(own_home)


def leads(scoring: Scoring) -> list[str]:
    return [str(ref.lead_id) for ref in scoring.plane.directory.all()][:200]


def test_most_answers_on_recent_features_are_not_degraded(scoring: Scoring) -> None:
    answers = scoring.answerer.score(leads(scoring))
    assert sum(a.degraded for a in answers) < 0.1 * len(answers)
    assert {f.gate for f in scoring.findings.counts()} <= {"input"}


def test_answers_on_stale_features_are_degraded(scoring: Scoring) -> None:
    ports = scoring.answerer._ports
    for days, share in ((6.9, False), (7.1, True)):
        late = FixedClock(from_us(ports.directory.watermark_us()) + timedelta(days=days))
        gates = Gates(
            FeatureRules(), InputRules(degraded_share=1.0, missing_slack=1.0), QualityFindings()
        )
        changed = replace(ports, clock=late, gates=gates)
        answers = ScoringService(scoring.plane.definition, changed).score(leads(scoring)[:5])
        assert [a.degraded for a in answers] == [share] * 5
        assert {f.rule for f in gates.findings.counts()} >= ({"features-stale"} if share else set())


def test_training_keeps_the_profile_sealed(trained: Trained) -> None:
    opened = open_cached(cache_of(trained.settings)).champion
    profile = read_profile(opened.folder)
    assert profile is not None
    names = [n.name for n in profile.numbers] + [c.name for c in profile.categories]
    assert tuple(names) == opened.manifest.features
    assert profile.rows == opened.manifest.counts["train_rows"]
    assert PROFILE_FILE in opened.manifest.files


def test_a_version_without_a_profile_is_compared_with_its_reference(own_home: Settings) -> None:
    cache = cache_of(own_home)
    champion = read_cached_stages(cache).champion
    assert champion is not None
    folder = own_home.home / "older"
    shutil.copytree(version_folder(cache, champion.label), folder)
    (folder / PROFILE_FILE).unlink()
    manifest = msgspec.structs.replace(open_sealed(version_folder(cache, champion.label)), files={})
    profile = input_profile(folder, manifest)
    assert profile.rows > 0
    assert tuple(n.name for n in profile.numbers) == manifest.features[: len(profile.numbers)]
    InputGate(profile, manifest.definition, InputRules())


def test_training_counts_what_its_frames_break(trained: Trained) -> None:
    assert {f.rule for f in findings(trained.settings, "features")} <= {"feature-null-share"}
