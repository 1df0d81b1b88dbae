"""One pass over a real trail: what it keeps, what it counts, and how little of it stays."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sqlalchemy import create_engine

from decisions.audit.tables import create_tables
from decisions.audit.trail import AT_ONCE, AuditTrail
from domain.decisions import DecisionRecord
from measures.bootstrap import bootstrap
from measures.little_bootstrap import ROWS, little_bootstrap
from measures.ranking import auroc, lift_at
from monitoring.decision_columns import NameCodes
from monitoring.reports.sample import drawn_companies
from monitoring.reports.trail_pass import TrailPass, VersionFeatures
from tests.monitoring.records import DAY_US, record

NOW = 20_000 * DAY_US
FEATURES = VersionFeatures(
    label="lead-1",
    service="s_v1",
    numbers=("b", "a"),
    number_places=(1, 0),
    texts=("country",),
    text_places=(0,),
    lowest=np.array([0.0, 0.0]),
    highest=np.array([10.0, 10.0]),
)


def decision(number: int, *, days_ago: float = 1, **of: object) -> DecisionRecord:
    """A decision on features (number, 1 or nothing)."""
    lead = f"lead_{number:017x}"
    at = NOW - round(days_ago * DAY_US)
    one = record(lead, at, 0.5, account=f"account-{number % 7}", **of)  # type: ignore[arg-type]
    features = (float(number), None if number % 4 == 0 else 1.0)
    return msgspec.structs.replace(one, features=features, texts=("DE" if number % 2 else "",))


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[AuditTrail]:
    engine = create_engine(f"sqlite:///{tmp_path / 'audit.db'}")
    create_tables(engine)
    yield AuditTrail(engine)
    engine.dispose()


def test_what_a_pass_keeps_is_what_the_trail_says(trail: AuditTrail) -> None:
    records = [decision(number) for number in range(AT_ONCE + 10)]
    trail.append(records)
    passed = TrailPass.of(trail, FEATURES, NOW)
    assert passed.columns.decision_ids == [r.answer.decision_id for r in records]
    assert passed.counts.rows == len(records)
    assert passed.counts.missing == {"b": 503 / 2010, "a": 0.0, "country": 0.5}
    assert passed.counts.outside == {"b": 0.0, "a": (len(records) - 11) / len(records)}
    places = np.array([AT_ONCE + 5, 4, 7])
    frame = passed.frame_of(trail, places)
    assert frame["a"].tolist() == [AT_ONCE + 5, 4.0, 7.0]
    assert frame["b"].isna().tolist() == [False, True, False]
    assert frame["country"].tolist() == ["DE", "", "DE"]
    assert passed.texts_of("country", places).tolist() == ["DE", "", "DE"]


def test_who_is_passed_over_and_whose_features_are_not_looked_at(trail: AuditTrail) -> None:
    late = decision(1, days_ago=-1)
    other = decision(2, model="lead-2")
    unseen = decision(3, model="lead-2", shadow={"lead-1": 0.4})
    old = decision(5, days_ago=40)
    elsewhere = decision(6)
    versions = msgspec.structs.replace(elsewhere.answer.versions, feature_service="s_v2")
    answer = msgspec.structs.replace(elsewhere.answer, versions=versions)
    elsewhere = msgspec.structs.replace(elsewhere, answer=answer, features=(1.0,))
    trail.append([late, other, unseen, old, elsewhere])
    passed = TrailPass.of(trail, FEATURES, NOW)
    assert len(passed.columns) == 4, "what was decided later is left out"
    assert passed.counts.rows == 1, "of the version, on its features, in four weeks"
    assert passed.frame_of(trail, np.array([0, 1]))["a"].tolist()[1] == 3.0
    assert np.isnan(passed.frame_of(trail, np.array([3]))["a"].iloc[0])


def test_texts_that_are_one_too_many_are_not_kept() -> None:
    codes = NameCodes(2)
    assert codes.add(["a", "b"]).tolist() == [0, 1]
    assert codes.add(["b", "c"]).tolist() == [1, -1]
    assert codes.names == ["a", "b"]


def test_few_bytes_of_a_decision_stay(trail: AuditTrail) -> None:
    for start in range(0, 20_000, 5_000):
        trail.append([decision(number) for number in range(start, start + 5_000)])
    tracemalloc.start()
    passed = TrailPass.of(trail, FEATURES, NOW)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(passed.columns) == 20_000
    assert kept / 20_000 < 600, "leads and ids have names; features don't stay"


def test_companies_are_drawn_alike_however_large_they_are() -> None:
    sizes = np.concatenate([np.full(2_000, 1), np.full(100, 500)])
    account = np.repeat(np.arange(len(sizes)), sizes)
    hits = np.zeros(len(sizes))
    for seed in range(100):
        rows = drawn_companies(account, seed, rows=2_000, each=20)
        assert len(rows) <= 2_000
        assert np.all(np.diff(rows) > 0)
        hits[np.unique(account[rows])] += 1
    small, large = hits[:2_000].mean() / 100, hits[2_000:].mean() / 100
    assert small == pytest.approx(large, abs=0.05)
    assert 0.4 < small < 0.7
    one, other = (drawn_companies(account, 3, rows=2_000, each=20) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_all_companies_are_looked_at_where_they_are_few() -> None:
    assert drawn_companies(np.array([1, 1, 2]), 7, rows=3).tolist() == [0, 1, 2]


def test_little_bootstraps_are_as_wide_as_the_whole_one() -> None:
    rng = np.random.default_rng(1)
    rows = 2 * ROWS
    groups = rng.integers(0, rows // 3, rows)
    shift = rng.normal(size=rows // 3)[groups]
    s = 1 / (1 + np.exp(-(shift - 2)))
    y = (rng.random(rows) < s).astype(float)
    for metric in (auroc, lambda y, s, w: lift_at(y, s, 0.1, w)):
        whole = bootstrap(metric, y, s, groups, draws=100, seed=1)
        bags = little_bootstrap(metric, y, s, groups, draws=400, seed=1)
        assert bags.value == whole.value
        assert bags.high - bags.low == pytest.approx(whole.high - whole.low, rel=0.3)
        assert bags.low < bags.value < bags.high
