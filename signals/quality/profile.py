"""The rolling profile of one source and type: what its batches usually look like.

A commutative monoid, as feature state is: weights halve with every half-life of event time, so
the profile of many batches does not depend on their order or grouping. How often to expect an
unseen value is told by how often values were new: for that, each value's first rows are kept.
"""

import math

import msgspec

from signals.quality.sketch import (
    Sketch,
    count_scale,
    merge_sketches,
    merge_weights,
    share_scale,
    sketch_of,
)
from signals.quality.statistics import BatchStatistics, FieldStatistics

FORGOTTEN = 1e-6
"""Weights below this are left out when a profile is stored."""


class FieldProfile(msgspec.Struct, kw_only=True):
    """One field: the history of its null share, and its values by digest.

    `values` are the weights of values; `first`, the moment of the earliest batch that had each,
    and the weight of it there.
    `open`: it held more values than a category has; they are no longer kept.
    """

    nulls: Sketch
    values: dict[str, float] = {}
    first: dict[str, tuple[int, float]] = {}
    open: bool = False

    def unseen(self, statistics: FieldStatistics) -> int:
        """How many rows hold a value that the profile does not know."""
        return sum(count for value, count in statistics.values.items() if value not in self.values)

    def usual_unseen(self) -> float:
        """The share of rows whose value was new to its batch, since the earliest batch (0 to 1)."""
        began = min((at for at, _ in self.first.values()), default=0)
        earliest = sum(weight for at, weight in self.first.values() if at == began)
        new = sum(weight for at, weight in self.first.values() if at > began)
        later = sum(self.values.values()) - earliest
        return min(new / later, 1.0) if new else 0.0


class Profile(msgspec.Struct, kw_only=True):
    """One source and type. Weights are as of `at_us`, the newest moment that a batch knew of.

    `batches` are counted without forgetting: rare deliveries warm up too.
    """

    at_us: int
    batches: int = 0
    volume: Sketch
    refused: Sketch
    fields: dict[str, FieldProfile] = {}


def profile_of(statistics: BatchStatistics, at_us: int, *, whole: bool) -> Profile:
    """The profile of one batch; only the volume of a `whole` delivery counts."""
    received = statistics.received
    return Profile(
        at_us=at_us,
        batches=1,
        volume=sketch_of(count_scale(received)) if whole else Sketch(),
        refused=sketch_of(share_scale(statistics.refused / max(received, 1))),
        fields={
            name: FieldProfile(
                nulls=sketch_of(share_scale(field.nulls / max(statistics.rows, 1))),
                values={value: float(count) for value, count in field.values.items()},
                first={value: (at_us, float(count)) for value, count in field.values.items()},
            )
            for name, field in statistics.fields.items()
            if statistics.rows
        },
    )


def merge(a: Profile, b: Profile, half_life_us: float, most_values: int) -> Profile:
    """The profile of the batches of both."""
    at = max(a.at_us, b.at_us)
    ages = tuple(math.exp2((p.at_us - at) / half_life_us) for p in (a, b))
    both = ages[0], ages[1]
    names = a.fields.keys() | b.fields.keys()
    none = FieldProfile(nulls=Sketch())
    return Profile(
        at_us=at,
        batches=a.batches + b.batches,
        volume=merge_sketches(a.volume, b.volume, both),
        refused=merge_sketches(a.refused, b.refused, both),
        fields={
            name: _merge_field(
                a.fields.get(name, none), b.fields.get(name, none), both, most_values
            )
            for name in names
        },
    )


def compacted(profile: Profile) -> Profile:
    """The profile without what is as good as forgotten; in the order of names."""
    return msgspec.structs.replace(
        profile,
        volume=_kept(profile.volume),
        refused=_kept(profile.refused),
        fields={
            name: FieldProfile(
                nulls=_kept(field.nulls),
                values={v: w for v, w in field.values.items() if w > FORGOTTEN},
                first={v: f for v, f in field.first.items() if field.values[v] > FORGOTTEN},
                open=field.open,
            )
            for name, field in sorted(profile.fields.items())
        },
    )


def _kept(sketch: Sketch) -> Sketch:
    return Sketch(bins={k: w for k, w in sketch.bins.items() if w > FORGOTTEN})


def _merge_field(
    a: FieldProfile, b: FieldProfile, ages: tuple[float, float], most: int
) -> FieldProfile:
    values = merge_weights(a.values, b.values, ages)
    is_open = a.open or b.open or len(values) > most
    return FieldProfile(
        nulls=merge_sketches(a.nulls, b.nulls, ages),
        values={} if is_open else values,
        first={} if is_open else {v: _first(a.first.get(v), b.first.get(v), ages) for v in values},
        open=is_open,
    )


def _first(
    a: tuple[int, float] | None, b: tuple[int, float] | None, ages: tuple[float, float]
) -> tuple[int, float]:
    """The earlier of two first rows, of which there is at least one; both, where they are equal."""
    weighted = [(f[0], f[1] * age) for f, age in zip((a, b), ages, strict=True) if f is not None]
    began = min(at for at, _ in weighted)
    return began, sum(weight for at, weight in weighted if at == began)
