"""The service's process, put together: scoring, and the way in for signals."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from domain.decisions import Asked, DecisionQuery, DecisionRecord
from domain.errors import Unavailable
from domain.findings import Findings
from domain.identifiers import accounts_named
from domain.ports import SignalSink, Watch
from domain.scores import ScoreAnswer
from domain.signals import Counts, Receipt
from domain.standing import LogStanding
from domain.what_if import WhatIf, WhatIfRequest
from scoring.begun import Begun, Told
from signals import quarantine
from wiring.bundle import unpack_bundle
from wiring.collector import calm_collector
from wiring.scoring import Scoring, open_scoring
from wiring.settings import Settings
from wiring.traces import tag

LOOKS = 20
"""So often the ranking is looked at for one page of leads of some status."""

ORIGIN = "http"
"""How quarantine names documents that came through the service."""


class Runtime:
    """What the service does, without a word of HTTP. Safe to use from many threads."""

    def __init__(self, scoring: Scoring, sink: SignalSink) -> None:
        self._scoring = scoring
        self._sink = sink

    def begin(self, asked: Sequence[Asked]) -> Begun:
        """Score and decide; raises nothing."""
        return self._scoring.answerer.begin(asked)

    def finish(self, begun: Begun) -> list[Told]:
        """Record what was begun; what each who asked is told, in order."""
        return self._scoring.answerer.finish(begun)

    def what_if(self, request: WhatIfRequest) -> WhatIf:
        """What a lead would score if it were otherwise; nothing is recorded.

        Raises UnknownLead, BadInput, NoModel, Unavailable.
        """
        directory = self._scoring.plane.directory
        if request.identifiers is not None:
            lead = directory.find(request.identifiers)
        else:
            lead = directory.resolve(request.lead_id or "")
        return self._scoring.what_ifs.ask(lead, request.changes)

    def accept(self, documents: Sequence[bytes]) -> Receipt:
        """Take signals in: committed, and pushed online, when this returns."""
        with self._scoring.ports.watch.stage("ingest"):
            receipt = self._sink.receive(documents, ORIGIN)
            tag({name: getattr(receipt, name) for name in Counts.__struct_fields__})
            return receipt

    def standing(self) -> LogStanding:
        """Where the log stands. Raises Unavailable."""
        plane = self._scoring.plane
        try:
            held = quarantine.by_rule(plane.engine)
        except SQLAlchemyError as bad:
            raise Unavailable("the log does not answer", rule="log-available") from bad
        return LogStanding(watermark_us=plane.directory.watermark_us(), quarantined=held)

    def findings(self) -> tuple[Findings, ...]:
        """What the quality gates found in this process, at the door and when scoring."""
        return (self._scoring.plane.ingest.findings, self._scoring.findings)

    def leads(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        grade: str | None = None,
        queue: str | None = None,
        min_score: float | None = None,
        status: str = "open",
        account: str | None = None,
        eligible: bool | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Leads by the score of their newest decision, and the cursor of the next page.

        A page is shorter than `limit` where LOOKS at the ranking did not fill it.
        """
        rows: list[dict[str, Any]] = []
        for _ in range(LOOKS):
            page = self._scoring.trail.latest(
                limit - len(rows),
                after=cursor,
                grade=grade,
                queue=queue,
                min_score=min_score,
                accounts=None if account is None else accounts_named(account),
                eligible=eligible,
            )
            answers = [record.answer for record in page.records]
            rows += [msgspec.to_builtins(a) for a in self._of_status(answers, status)]
            cursor = page.cursor
            if cursor is None or len(rows) == limit:
                break
        return rows, cursor

    def _of_status(self, answers: list[ScoreAnswer], status: str) -> list[ScoreAnswer]:
        if status == "all" or not answers:
            return answers
        outcomes = self._scoring.plane.directory.outcomes([a.lead_id for a in answers])
        return [
            answer
            for answer, outcome in zip(answers, outcomes, strict=True)
            if bool(outcome) == (status == "decided")
        ]

    def decisions(
        self, query: DecisionQuery, limit: int, cursor: str | None = None
    ) -> tuple[list[DecisionRecord], str | None]:
        """Recorded decisions, newest first, and the cursor of the next page."""
        page = self._scoring.trail.search(query, limit, cursor)
        return [entry.record for entry in page.entries], page.cursor

    def decision(self, decision_id: str) -> DecisionRecord:
        """One recorded decision. Raises Missing."""
        return self._scoring.trail.get(decision_id)

    def ready(self) -> None:
        """Raise NoModel or Unavailable where no lead could be scored."""
        self._scoring.versions.current()
        self._scoring.plane.directory.watermark_us()

    def close(self) -> None:
        """Let go of the databases."""
        self._scoring.plane.engine.dispose()


def open_runtime(settings: Settings, watch: Watch | None = None) -> Runtime:
    """The runtime on this home; a home that is empty is furnished from the Bento's bundle.

    `watch` hears of the stages of each answer.
    """
    unpack_bundle(settings)
    scoring = open_scoring(settings, live=True, watch=watch)
    calm_collector()
    return Runtime(scoring, scoring.plane.ingest)
