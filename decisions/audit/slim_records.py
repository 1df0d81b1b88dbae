"""Decisions as those read them who look at millions: without what they don't need.

Decoding skips what is not declared here, which takes a tenth of the time of a whole record. None of
them can be part of a circle, so that the garbage collector leaves them alone.
"""

from collections.abc import Sequence

import msgspec


class SlimVersions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which model answered, on which feature service."""

    model: str
    feature_service: str


class SlimAnswer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was answered, of `domain.scores.ScoreAnswer`."""

    lead_id: str
    score: float
    versions: SlimVersions
    arm: str
    staleness_s: float
    degraded: bool
    decision_id: str


class SlimDecision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision without its features, of `domain.decisions.DecisionRecord`."""

    decided_us: int
    as_of_us: int
    account_id: str
    shadow: dict[str, float]
    answer: SlimAnswer


class FeaturedDecision(SlimDecision, frozen=True, kw_only=True, gc=False):
    """A decision with its features: numbers, None where missing, and texts."""

    features: tuple[float | None, ...]
    texts: tuple[str, ...]


Numbered = tuple[int, FeaturedDecision]
"""The number of an entry of the trail, and what it says."""

DECODER = msgspec.json.Decoder(FeaturedDecision)


def decoded(rows: Sequence[tuple[int, bytes]]) -> list[Numbered]:
    """Decisions of (sequence, body) of entries."""
    decode = DECODER.decode
    return [(sequence, decode(body)) for sequence, body in rows]
