"""Questions of one batch and their answers, before the decisions are recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.decisions import DecisionRecord, PolicyQuestion
from domain.errors import BadInput
from domain.scores import ScoreAnswer

AnswerOrError = ScoreAnswer | Exception
"""What one who asked is told: an answer, or the error that stands in its place."""


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """Questions, and the answers so far.

    `results` [n] is None where there is no answer yet: the decision must be recorded first, or an
    earlier question has the same key, at place `first` [n]. `records` are the decisions, by place.
    """

    questions: Sequence[PolicyQuestion]
    results: list[AnswerOrError | None]
    first: Sequence[int] = ()
    records: Mapping[int, DecisionRecord] = field(default_factory=dict)

    def answers(self) -> list[AnswerOrError]:
        """The answer to each question, once all decisions are recorded."""
        for i, record in self.records.items():
            self.results[i] = record.answer
        return [
            one if one is not None else self._same(self.first[i], i)
            for i, one in enumerate(self.results)
        ]

    def _same(self, first: int, i: int) -> AnswerOrError:
        """The answer to the second of two questions that came together with one key."""
        answer = self.results[first]
        if answer is None:
            raise LookupError("nobody answered")
        return answer if self.questions[first].request == self.questions[i].request else reused()


def reused() -> BadInput:
    """The error of a key that came with two requests that differ."""
    return BadInput(
        "this Idempotency-Key was already used with a different request body",
        rule="idempotency-key",
        todo="Use a new Idempotency-Key for each request.",
    )
