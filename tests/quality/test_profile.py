"""The rolling profile: a commutative monoid, robust in what it says, bounded in what it keeps."""

import math
from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import DAY
from domain.signals import Signal
from signals.contracts.registry import standard_contracts
from signals.quality.profile import Profile, compacted, merge, profile_of
from signals.quality.sketch import Sketch, merge_sketches, share_scale, sketch_of
from signals.quality.statistics import BatchStatistics, FieldStatistics, fields_of, observe

HALF_LIFE = 30.0 * DAY

seen = st.builds(
    lambda rows, refused, nulls, values: BatchStatistics(
        rows, refused, {"page": FieldStatistics(min(nulls, rows), Counter(values))}
    ),
    rows=st.integers(1, 500),
    refused=st.integers(0, 100),
    nulls=st.integers(0, 500),
    values=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), max_size=4),
)
batches = st.lists(st.tuples(seen, st.integers(0, 90)), min_size=1, max_size=8)


def flat(profile: Profile) -> dict[str, float]:
    """All that a profile says, by name."""
    told: dict[str, float] = {"at": profile.at_us, "batches": profile.batches}
    for name, sketch in (("volume", profile.volume), ("refused", profile.refused)):
        told |= {f"{name} {k}": w for k, w in sketch.bins.items()}
    for name, field in profile.fields.items():
        told |= {f"{name} null {k}": w for k, w in field.nulls.bins.items()}
        told |= {f"{name} value {v}": w for v, w in field.values.items()}
        told |= {f"{name} began {v}": at for v, (at, _) in field.first.items()}
        told |= {f"{name} first {v}": w for v, (_, w) in field.first.items()}
        told[f"{name} open"] = field.open
    return told


def fold(parts: list[Profile], most: int = 5) -> Profile:
    whole = parts[0]
    for part in parts[1:]:
        whole = merge(whole, part, HALF_LIFE, most)
    return whole


@given(batches, st.randoms(use_true_random=False), st.integers(0, 7))
def test_neither_order_nor_grouping_matters(
    given_batches: list[tuple[BatchStatistics, int]], random: Random, cut: int
) -> None:
    parts = [profile_of(s, day * DAY, whole=True) for s, day in given_batches]
    expected = flat(fold(parts))
    mixed = parts.copy()
    random.shuffle(mixed)
    assert flat(fold(mixed)) == pytest.approx(expected)
    split = min(cut, len(parts))
    if 0 < split < len(parts):
        both = merge(fold(mixed[:split]), fold(mixed[split:]), HALF_LIFE, 5)
        assert flat(both) == pytest.approx(expected)


@given(batches)
def test_it_survives_being_stored(given_batches: list[tuple[BatchStatistics, int]]) -> None:
    whole = fold([profile_of(s, day * DAY, whole=True) for s, day in given_batches])
    again = msgspec.json.decode(msgspec.json.encode(compacted(whole)), type=Profile)
    kept = {k: v for k, v in flat(whole).items() if v}
    assert {k: v for k, v in flat(again).items() if v} == pytest.approx(kept)


def test_statistics_of_a_concatenation_are_the_sum_of_the_parts() -> None:
    signals = [
        Signal(
            id=str(i),
            source="web",
            type="web.page_viewed",
            time=datetime(2025, 1, 1, tzinfo=UTC),
            data={"page": "abc"[i % 3]} if i % 4 else {"page": "", "duration_s": None},
        )
        for i in range(40)
    ]
    fields = fields_of(standard_contracts().values())
    whole = observe(signals, [("web", "web.page_viewed")], fields)
    one = observe(signals[:13], [], fields)["web/web.page_viewed"]
    one.add(observe(signals[13:], [("web", "web.page_viewed")], fields)["web/web.page_viewed"])
    assert whole == {"web/web.page_viewed": one}
    assert (one.rows, one.refused, one.fields["page"].nulls) == (40, 1, 10)
    assert sum(one.fields["page"].values.values()) == 30
    assert "a" not in one.fields["page"].values, "values are kept as digests alone"


def test_personal_fields_are_looked_at_for_nulls_alone() -> None:
    fields = fields_of(standard_contracts().values())
    assert ("name", False) in fields["crm.lead_created"]
    assert ("industry", True) in fields["crm.lead_created"]


def test_half_is_forgotten_within_a_half_life() -> None:
    old, new = (
        profile_of(BatchStatistics(100, 0, {}), int(at), whole=True) for at in (0, HALF_LIFE)
    )
    weights = merge(old, new, HALF_LIFE, 5).volume.bins
    assert list(weights.values()) == [pytest.approx(1.5)]


def test_a_field_with_too_many_values_is_no_category() -> None:
    parts = [
        profile_of(
            BatchStatistics(1, 0, {"page": FieldStatistics(0, Counter({str(i): 1}))}), 0, whole=True
        )
        for i in range(6)
    ]
    field = fold(parts).fields["page"]
    assert field.open
    assert field.values == {}


def test_how_often_values_were_new_is_known() -> None:
    def words(day: int, text: str) -> Profile:
        seen = BatchStatistics(len(text), 0, {"page": FieldStatistics(0, Counter(text))})
        return profile_of(seen, day * DAY, whole=True)

    def usual(*texts: str) -> float:
        parts = [words(day, text) for day, text in enumerate(texts)]
        whole = parts[-1]
        for part in parts[:-1]:
            whole = merge(whole, part, 1e9 * DAY, 100)
        return whole.fields["page"].usual_unseen()

    assert usual("abc") == usual("abc", "aab", "bcc") == 0
    assert usual("abc", "abcd") == pytest.approx(1 / 4)
    assert usual("abc", "ddde", "deff") == pytest.approx(6 / 8)


def test_the_median_and_its_spread_shrug_off_outliers() -> None:
    usual = [share_scale(0.1 + 0.001 * (i % 7)) for i in range(50)]
    sketch = sketch_of(share_scale(1.0))
    for figure in usual:
        sketch = merge_sketches(sketch, sketch_of(figure), (1.0, 1.0))
    assert sketch.median_share() == pytest.approx(0.103, abs=0.005)
    assert sketch.spread() < 0.03
    assert sketch.score(share_scale(0.1), 0.25 / 1000) < 2
    assert sketch.score(share_scale(0.3), 0.25 / 1000) > 8


def test_what_saw_nothing_has_no_median() -> None:
    assert math.isnan(Sketch().median())
    assert Sketch().median_count() == Sketch().median_share() == 0
