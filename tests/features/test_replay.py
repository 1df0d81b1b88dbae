"""What training saw at a moment is what was known then, and what serving would have said."""

import shutil
from collections.abc import Sequence

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import jobs.signals.replay_log
from config.settings import Settings
from domain.clock import DAY
from domain.definition import FeatureDefinition
from domain.journeys import Journeys
from feature_repo.catalogue import category_names, number_names
from feature_repo.views import ACCOUNTS, LEADS
from jobs.signals.replay_log import replay_history
from signals.replay.snapshot_schedule import SnapshotSchedule
from tests.conftest import Trained
from tests.features.slow import Known, Log
from wiring.scoring import open_scoring
from wiring.signals import open_signals

pytestmark = pytest.mark.slow

PAIRS = 30


def log_of(settings: Settings) -> Log:
    plane = open_signals(settings)
    return Log.read(plane.definition, plane.engine)


def assert_row(
    definition: FeatureDefinition,
    row: "pd.Series[float]",
    named: Sequence[float],
    texts: Sequence[str],
) -> None:
    names = number_names(definition)
    held = np.array([row[name] for name in names], dtype=np.float64)
    wanted = np.array(named, dtype=np.float64)
    wrong = ~np.isclose(held, wanted, rtol=1e-9, atol=1e-9, equal_nan=True)
    off = {n: (a, b) for n, a, b, w in zip(names, held, wanted, wrong, strict=True) if w}
    assert not off
    assert [str(row[name]) for name in category_names(definition)] == list(texts)


def pairs_of(log: Log, seed: int) -> list[tuple[str, int]]:
    """Leads at moments: some at the very moment of an event, some a little before or after."""
    random = np.random.default_rng(seed)
    found = []
    for at in random.integers(0, len(log.events), PAIRS):
        event: Known = log.events[at]
        later = int(random.integers(30 * 86_400_000_000))
        moment = event.known_us + (0, -1, 1, later)[int(random.integers(4))]
        leads = [n for n, held in log.people(moment).items() if any(e is event for e in held)]
        found += [(lead, moment) for lead in leads]
    return found


@pytest.fixture(scope="module")
def journeys(
    trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, Journeys]:
    """A home of this module's own whose log was replayed, and what the replay told."""
    home = tmp_path_factory.mktemp("replayed") / "home"
    shutil.copytree(trained.settings.home, home)
    settings = msgspec.structs.replace(trained.settings, home=home)
    return settings, replay_history(settings, open_signals(settings), ())


@pytest.fixture
def replayed(journeys: tuple[Settings, Journeys]) -> Settings:
    return journeys[0]


def test_history_holds_what_was_known_then_and_nothing_else(replayed: Settings) -> None:
    from wiring.features import open_features

    log = log_of(replayed)
    pairs = pairs_of(log, 11)
    assert len(pairs) > PAIRS / 2
    slow = [(*log.features(*pair), log.account(*pair)) for pair in pairs]
    assert len({account for _, _, account in slow}) > 5
    store = open_features(replayed, log.definition)
    leads, moments = zip(*pairs, strict=True)
    frame = store.history(leads, [account for _, _, account in slow], moments)
    for (_, row), (named, texts, _) in zip(frame.iterrows(), slow, strict=True):
        assert_row(log.definition, row, named.tolist(), texts)


def test_the_past_does_not_know_the_future(journeys: tuple[Settings, Journeys]) -> None:
    """Leads under the very ids that they bore before they were merged away."""
    from wiring.features import open_features

    replayed, told = journeys
    log = log_of(replayed)
    ended = [s for s in told.spans.values() if s.into and s.ended_us > s.born_us][:12]
    assert ended
    store = open_features(replayed, log.definition)
    pairs = [(s.lead_id, s.ended_us - 1) for s in ended]
    accounts = [log.account(*pair) for pair in pairs]
    assert accounts == [s.account_at(s.ended_us - 1) for s in ended]
    frame = store.history([p[0] for p in pairs], accounts, [p[1] for p in pairs])
    for (_, row), pair in zip(frame.iterrows(), pairs, strict=True):
        named, texts = log.features(*pair)
        assert_row(log.definition, row, named.tolist(), texts)


def test_serving_said_what_history_says(replayed: Settings) -> None:
    scoring = open_scoring(replayed)
    everyone = list(scoring.plane.directory.all())
    refs = everyone[:: len(everyone) // 40]
    answers = scoring.answerer.score([ref.lead_id for ref in refs])
    records = [scoring.trail.get(answer.decision_id) for answer in answers]
    frame = scoring.features.history(
        [record.answer.lead_id for record in records],
        [record.account_id for record in records],
        [record.as_of_us for record in records],
    )
    definition = scoring.plane.definition
    for (_, row), record in zip(frame.iterrows(), records, strict=True):
        named = [np.nan if v is None else v for v in record.features]
        assert_row(definition, row, named, record.texts)


def test_a_log_that_another_process_reads_is_the_same(
    own_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = SnapshotSchedule(5 * DAY, None, 20 * DAY)
    here = replay_history(own_home, open_signals(own_home), ("web.page_viewed",), looks=looks)
    files = [own_home.home / "offline" / name for name in (LEADS, ACCOUNTS)]
    written = [pq.read_table(file) for file in files]
    monkeypatch.setattr(jobs.signals.replay_log, "WORTH_A_PROCESS", 1)
    there = replay_history(own_home, open_signals(own_home), ("web.page_viewed",), looks=looks)
    assert there == here
    assert there.anchors
    assert there.outcomes
    assert [pq.read_table(file) for file in files] == written
