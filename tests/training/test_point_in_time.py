"""The rows of a training run, beside those that the raw log tells the slow and obvious way."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from config.settings import Settings
from domain.clock import DAY, to_us
from domain.errors import Missing
from domain.journeys import Journeys
from feature_repo.catalogue import category_names, number_names
from jobs.models.train import prepared
from jobs.signals.ingest_files import ingest_files
from tests.conftest import SilentProgress
from tests.features.slow import Log, account_key
from training.config import Every, TrainingConfig
from training.data.cutoffs import Cutoff, choose
from training.data.dataset import build

BEGIN = to_us(datetime(2025, 4, 1, tzinfo=UTC))
CONFIG = TrainingConfig(
    horizon_days=21,
    cutoffs=Every(days=20),
    begin=datetime(2025, 4, 1, tzinfo=UTC),
    identified_only=False,
)
Row = tuple[str, int]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    from simulation.scenarios import scenario
    from simulation.simulator import simulate
    from simulation.writer import write

    folder = tmp_path_factory.mktemp("small")
    written = write(simulate(60, 3, scenario("steady"), days=180), folder / "s.jsonl")
    settings = Settings(home=folder / "home", clock="watermark")
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    return settings


def obvious(log: Log) -> Iterator[tuple[Row, int, str]]:
    """Every lead at every grid moment that is open and whose horizon passed; label and account."""
    definition = log.definition
    outcomes = {t: o for o in definition.outcomes for t in o.types}
    end = max(event.known_us for event in log.events)
    finally_of = {id(e.signal): lead for lead, held in log.people(end).items() for e in held}
    told = [
        (finally_of[id(e.signal)], outcomes[e.signal.type], e.signal.time_us(), e.known_us)
        for e in log.events
        if e.signal.type in outcomes
    ]
    moment = BEGIN
    while moment + 21 * DAY <= end:
        for lead, events in log.people(moment).items():
            now = finally_of[id(events[0].signal)]
            mine = [one for one in told if one[0] == now]
            if any(o.closes and min(at, known) <= moment for _, o, at, known in mine):
                continue
            won = any(o.name == "won" and moment < at <= moment + 21 * DAY for _, o, at, _ in mine)
            yield (lead, moment), int(won), account_key(events)[1:]
        moment += 20 * DAY


def chosen(journeys: Journeys, closing: frozenset[str]) -> list[Cutoff]:
    return choose(journeys, CONFIG, closing).cutoffs


def test_rows_are_those_of_the_raw_log(home: Settings) -> None:
    from wiring.signals import open_signals

    run = prepared(home, CONFIG, SilentProgress())
    closing = frozenset(o.name for o in run.definition.outcomes if o.closes)
    cutoffs = chosen(run.journeys, closing)
    frame = run.history(
        [c.lead_id for c in cutoffs],
        [c.account_id for c in cutoffs],
        [c.moment_us for c in cutoffs],
    )
    log = Log.read(run.definition, open_signals(home).engine)
    slow = {row: (label, account) for row, label, account in obvious(log)}
    assert {(c.lead_id, c.moment_us): (c.label, c.account_id) for c in cutoffs} == slow
    assert sum(label for label, _ in slow.values()) > 0
    numbers, texts = list(number_names(run.definition)), list(category_names(run.definition))
    for at, cutoff in list(enumerate(cutoffs))[::4]:
        named, held = log.features(cutoff.lead_id, cutoff.moment_us)
        row = frame.iloc[at]
        np.testing.assert_allclose(row[numbers].astype(float), named, rtol=1e-9, atol=1e-9)
        assert row[texts].fillna("").tolist() == held
    data = build(run.definition, cutoffs, run.history)
    assert data.labels.tolist() == [slow[c.lead_id, c.moment_us][0] for c in cutoffs]


def test_without_a_log_nothing_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        prepared(Settings(home=tmp_path), msgspec.structs.replace(CONFIG), SilentProgress())
