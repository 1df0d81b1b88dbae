"""What the service asks of the process it runs in: the port that `wiring.serving` fills."""

from collections.abc import Sequence
from typing import Any, Protocol

from domain.decisions import DecisionQuery, DecisionRecord, PolicyQuestion
from domain.findings import QualityFindings
from domain.log_status import LogStanding
from domain.signals import Receipt
from domain.what_if import WhatIf, WhatIfRequest
from scoring.pending_answers import AnswerOrError


class Runtime(Protocol):
    """Scores, takes signals in and reads decisions back.

    Every call may block and is made from a worker thread, several at once: an implementation
    must be safe for that.
    """

    def answer(self, asked: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        """Score, decide and record; what each who asked is told, in order: an answer or an error.

        Errors that are foreseen: UnknownLead, BadInput, NoModel, Unavailable. Raises nothing.
        """
        ...

    def what_if(self, request: WhatIfRequest) -> WhatIf:
        """What a lead would score if it were otherwise; nothing is recorded.

        Raises UnknownLead, BadInput, NoModel, Unavailable.
        """
        ...

    def accept(self, documents: Sequence[bytes]) -> Receipt:
        """Take signals in, one JSON document each; all are committed on return."""
        ...

    def standing(self) -> LogStanding:
        """Where the log stands. Raises Unavailable."""
        ...

    def findings(self) -> tuple[QualityFindings, ...]:
        """What quality gates found; the same objects at each call, their counts only grow.

        Others, which begin anew, once a home is opened anew.
        """
        ...

    def leads(
        self,
        *,
        limit: int,
        cursor: str | None,
        grade: str | None,
        queue: str | None,
        min_score: float | None,
        status: str,
        account: str | None,
        eligible: bool | None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """One page of the leads' latest answers, and the cursor of the next page or None.

        Raises BadInput where invalid cursor.
        """
        ...

    def decisions(
        self, query: DecisionQuery, limit: int, cursor: str | None
    ) -> tuple[list[DecisionRecord], str | None]:
        """Recorded decisions, newest first, and the cursor of the next page or None.

        Raises BadInput where invalid cursor.
        """
        ...

    def decision(self, decision_id: str) -> DecisionRecord:
        """The record of one decision. Raises Missing."""
        ...

    def ready(self) -> None:
        """Return if it can serve now; raises NoModel or Unavailable where it cannot."""
        ...

    def close(self) -> None:
        """Let go of everything it holds."""
        ...
