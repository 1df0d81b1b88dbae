"""The batch gate on a real database: each rule fires and does not; stop keeps nothing."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from domain.clock import DAY
from domain.errors import Refused
from domain.findings import QualityFinding, QualityFindings
from signals.quality.batch_gate import BatchGate
from signals.quality.rules import BatchRules
from signals.quality.statistics import BatchStatistics, FieldStatistics, Stats, digest
from signals.quality.tables import all_profiles
from signals.store.tables import metadata, writing
from storage.engine import open_engine

ABOUT = "web/web.page_viewed"
WARN = BatchRules()
STOP = BatchRules(volume="stop", null_rate="stop", unseen_values="stop", refused_share="stop")
OFF = BatchRules(volume="off", null_rate="off", unseen_values="off", refused_share="off")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'signals.db'}")
    metadata.create_all(made)
    yield made
    made.dispose()


def batch(
    rows: int = 1000, nulls: float = 0.1, refused: int = 5, words: str = "abc", seed: int = 0
) -> Stats:
    filled = rows - round(rows * nulls)
    values = Counter(digest(words[i % len(words)]) for i in range(filled))
    wobble = seed % 5
    return {
        ABOUT: BatchStatistics(
            rows + 7 * wobble,
            refused + wobble,
            {"page": FieldStatistics(rows - filled + wobble, values)},
        )
    }


def admit(
    engine: Engine, gate: BatchGate, stats: Stats, day: int = 0, *, whole: bool = True
) -> dict[str, int]:
    found = QualityFindings()
    with engine.connect() as connection:
        writing(connection)
        try:
            gate.admit(connection, stats, (day + 1) * DAY, found, whole=whole)
        except Refused:
            connection.rollback()
            raise
        connection.commit()
    return {f.rule: n for f, n in found.counts().items()}


def warmed(engine: Engine, rules: BatchRules, *, let_through: bool = False) -> BatchGate:
    gate = BatchGate(rules, let_through=let_through)
    for day in range(rules.warm_up_batches):
        assert admit(engine, gate, batch(seed=day), day) == {}
    return gate


def profiles(engine: Engine) -> dict[str, bytes]:
    with engine.connect() as connection:
        return {a: msgspec.json.encode(p) for a, p in all_profiles(connection).items()}


ODD = [
    ("volume", batch(rows=100)),
    ("volume", batch(rows=3, refused=0, nulls=0.0)),
    ("volume", batch(rows=9000, refused=45)),
    ("null-rate", batch(nulls=0.5)),
    ("unseen-values", batch(words="abxyz")),
    ("refused-share", batch(refused=400)),
]
ORDINARY = [
    batch(rows=700),
    batch(nulls=0.15),
    batch(nulls=0.05),
    batch(words="abcabcabcabcabcabcx"),
    batch(refused=40),
    batch(seed=4),
]


@pytest.mark.parametrize(("rule", "stats"), ODD)
def test_a_rule_that_is_broken_warns(engine: Engine, rule: str, stats: Stats) -> None:
    assert admit(engine, warmed(engine, WARN), stats, 9) == {rule: 1}


@pytest.mark.parametrize("stats", ORDINARY)
def test_ordinary_batches_break_none(engine: Engine, stats: Stats) -> None:
    assert admit(engine, warmed(engine, STOP), stats, 9) == {}


@pytest.mark.parametrize(("rule", "stats"), ODD)
def test_stop_refuses_the_batch_and_keeps_nothing_of_it(
    engine: Engine, rule: str, stats: Stats
) -> None:
    gate = warmed(engine, STOP)
    before = profiles(engine)
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            admit(engine, gate, stats, 9)
        assert caught.value.rule == rule
        assert caught.value.where.startswith(ABOUT)
        assert "--let-through" in caught.value.todo
        assert "\n" not in str(caught.value)
    assert profiles(engine) == before
    assert admit(engine, gate, batch(), 9) == {}


@pytest.mark.parametrize(("rule", "stats"), ODD)
def test_letting_through_counts_and_learns(engine: Engine, rule: str, stats: Stats) -> None:
    gate = warmed(engine, STOP, let_through=True)
    before = profiles(engine)
    assert admit(engine, gate, stats, 9) == {rule: 1}
    assert profiles(engine) != before


@pytest.mark.parametrize(("rule", "stats"), ODD)
def test_rules_that_are_off_say_nothing(engine: Engine, rule: str, stats: Stats) -> None:
    assert admit(engine, warmed(engine, OFF), stats, 9) == {}


def test_nothing_is_said_while_the_profile_is_warming_up(engine: Engine) -> None:
    gate = BatchGate(STOP)
    for day, (_, stats) in enumerate(ODD):
        assert admit(engine, gate, stats, day) == {}


def test_the_volume_of_a_part_of_a_delivery_says_nothing(engine: Engine) -> None:
    gate = warmed(engine, STOP)
    assert admit(engine, gate, batch(rows=100), 9, whole=False) == {}


def test_a_field_in_which_new_values_are_usual_is_no_category(engine: Engine) -> None:
    gate = BatchGate(WARN)
    for day in range(12):
        assert admit(engine, gate, batch(words=chr(97 + day) + chr(98 + day)), day) == {}


def test_a_new_normal_is_learnt(engine: Engine) -> None:
    gate = warmed(engine, WARN)
    said = [admit(engine, gate, batch(nulls=0.5, seed=day), 30 + day) for day in range(20)]
    assert said[0] == {"null-rate": 1}
    assert said[-1] == {}


def test_small_batches_are_pooled_until_they_can_be_judged(engine: Engine) -> None:
    gate = warmed(engine, WARN)
    small = [
        {ABOUT: BatchStatistics(40, 0, {"page": FieldStatistics(40, Counter())})} for _ in range(5)
    ]
    before = profiles(engine)
    for stats in small[:4]:
        assert admit(engine, gate, stats, 9, whole=False) == {}
    assert profiles(engine) == before, "too few to be learnt of"
    assert admit(engine, gate, small[4], 9, whole=False) == {"null-rate": 1}
    assert profiles(engine) != before


def test_the_profile_does_not_depend_on_the_order_of_batches(tmp_path: Path) -> None:
    held = []
    for name, order in (("a", 1), ("b", -1)):
        made = open_engine(f"sqlite:///{tmp_path / name}.db")
        metadata.create_all(made)
        gate = BatchGate(WARN)
        for day in range(8)[::order]:
            admit(made, gate, batch(seed=day), day)
        with made.connect() as connection:
            held.append(all_profiles(connection)[ABOUT])
        made.dispose()
    one, other = held
    assert one.at_us == other.at_us
    assert one.volume.bins == pytest.approx(other.volume.bins)
    assert one.fields["page"].values == pytest.approx(other.fields["page"].values)


def test_a_batch_of_refused_documents_alone_is_judged_as_of_the_profile(engine: Engine) -> None:
    gate = warmed(engine, WARN)
    stats = {ABOUT: BatchStatistics(0, 1000, {})}
    found = QualityFindings()
    with engine.connect() as connection:
        writing(connection)
        gate.admit(connection, stats, 0, found, whole=True)
        connection.commit()
        assert all_profiles(connection)[ABOUT].at_us == 8 * DAY
    assert {f.rule for f in found.counts()} == {"refused-share"}


def test_findings_name_source_type_and_field(engine: Engine) -> None:
    gate, found = warmed(engine, WARN), QualityFindings()
    with engine.connect() as connection:
        writing(connection)
        gate.admit(connection, batch(nulls=0.5), 9 * DAY, found, whole=True)
    assert found.counts() == {QualityFinding("batch", "null-rate", f"{ABOUT}/page"): 1}
