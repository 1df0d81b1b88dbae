"""What was asked, and what came of it before it was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.decisions import DecisionRecord, PolicyQuestion
from domain.errors import BadInput
from domain.scores import ScoreAnswer

AnswerOrError = ScoreAnswer | Exception
"""What one who asked is told: an answer, or the error that stands in its place."""


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """What was asked, and what came of it so far.

    `told` [n] is None where nothing is told yet: where a decision is to be recorded first, or where
    a request with the same key came before it, at place `first` [n]. `made` are the decisions, by
    place.
    """

    asked: Sequence[PolicyQuestion]
    told: list[AnswerOrError | None]
    first: Sequence[int] = ()
    made: Mapping[int, DecisionRecord] = field(default_factory=dict)

    def answers(self) -> list[AnswerOrError]:
        """What each is told, once all is recorded."""
        for i, record in self.made.items():
            self.told[i] = record.answer
        return [
            one if one is not None else self._same(self.first[i], i)
            for i, one in enumerate(self.told)
        ]

    def _same(self, first: int, i: int) -> AnswerOrError:
        """What is told to the second of two that came together with one key."""
        made = self.told[first]
        if made is None:
            raise LookupError("nobody answered")
        return made if self.asked[first].request == self.asked[i].request else reused()


def reused() -> BadInput:
    """The error of a key that came with two requests that differ."""
    return BadInput(
        "this Idempotency-Key was already used with a different request body",
        rule="idempotency-key",
        todo="Use a new Idempotency-Key for each request.",
    )
