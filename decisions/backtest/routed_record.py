"""Decisions as those read them who route anew: facts, answer, and how the routing came about."""

import msgspec

from domain.bucketing import Assignment
from domain.decisions import AppliedOverride, Facts, RandomRouting, overridden
from domain.scores import Decision

Routing = tuple[bool, str, str, int]
"""Eligible, action, queue, priority: what a holdout draws among."""


class RoutedVersions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which versions answered."""

    model: str
    feature_service: str
    policy: str


class RoutedAnswer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was answered, of `domain.scores.ScoreAnswer`."""

    lead_id: str
    score: float
    grade: str
    decision: Decision
    versions: RoutedVersions
    arm: str
    decision_id: str
    degraded_by: str = ""


class RoutedRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision of `domain.decisions.DecisionRecord`, without its features."""

    decided_us: int
    as_of_us: int
    account_id: str
    facts: Facts
    answer: RoutedAnswer
    shadow: dict[str, float] = {}
    assigned: tuple[Assignment, ...] = ()
    shadow_decisions: dict[str, Decision] = {}
    drawn: RandomRouting | None = None
    override: AppliedOverride | None = None

    @property
    def own(self) -> Decision:
        """What the answering policy decided, a draw and an override apart."""
        if self.override is not None:
            return self.override.instead_of
        return self.answer.decision if self.drawn is None else self.drawn.instead_of

    def kept(self, decision: Decision) -> Decision:
        """A policy's decision on this lead under the override that was in force, if one was.

        As it is where the override has no say, see `domain.decisions.overridden`.
        """
        one = self.override
        if one is None:
            return decision
        return overridden(decision, one.number, one.change, one.reason) or decision


class FeaturedRecord(RoutedRecord, frozen=True, kw_only=True, gc=False):
    """A decision with its features as they are written, read only where they are needed."""

    features: msgspec.Raw = msgspec.Raw(b"[]")
    texts: msgspec.Raw = msgspec.Raw(b"[]")

    @property
    def numbers(self) -> list[float | None]:
        """The numbers among its features, None where missing."""
        return msgspec.json.decode(self.features, type=list[float | None])

    @property
    def categories(self) -> list[str]:
        """The texts among its features."""
        return msgspec.json.decode(self.texts, type=list[str])


def routing_of(decision: Decision) -> Routing:
    """What of a decision sends a lead somewhere."""
    return decision.eligible, decision.action, decision.queue, decision.priority
