"""Two versions of a model, compared on the rows that both were tested on."""

import msgspec

from domain.clock import iso
from domain.errors import Refused
from domain.measurement import Interval
from registry.store import Registry
from training.evaluation.tested_rows import common_rows, measured


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of both versions, and the other's less the one's, paired."""

    name: str
    one: Interval
    other: Interval
    difference: Interval


class ModelComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of two versions on `rows` common rows, of moments from `first` to `last`."""

    one: str
    other: str
    rows: int
    positives: int
    first: str
    last: str
    measures: tuple[Measured, ...]


def compare(registry: Registry, a: str, b: str) -> ModelComparison:
    """Compare on common rows. Raises Refused where there are too few, or the question differs."""
    versions = registry.get(a), registry.get(b)
    (one, mine), (other, theirs) = (registry.fetch(version) for version in versions)
    targets = [f"`{m.outcome}` within {m.horizon_days:g} days" for m in (mine, theirs)]
    if targets[0] != targets[1]:
        raise Refused(
            f"{versions[0].label} tells of {targets[0]}, {versions[1].label} of {targets[1]}",
            rule="same-question",
            todo="Compare versions of one outcome and horizon.",
        )
    rows = common_rows(one, other)
    return ModelComparison(
        one=versions[0].label,
        other=versions[1].label,
        rows=len(rows),
        positives=int(rows["label"].sum()),
        first=iso(int(rows["moment_us"].min())),
        last=iso(int(rows["moment_us"].max())),
        measures=tuple(
            Measured(name=name, one=x, other=y, difference=z)
            for name, (x, y, z) in measured(rows).items()
        ),
    )
