"""The service's process, put together: scoring, and the way in for signals."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from domain.decisions import Asked, DecisionRecord
from domain.errors import Unavailable
from domain.findings import Findings
from domain.ports import SignalSink, Watch
from domain.signals import Counts
from domain.standing import LogStanding
from domain.what_if import WhatIf, WhatIfRequest
from scoring.begun import Begun, Told
from signals import quarantine
from wiring.bundle import unpack_bundle
from wiring.collector import calm_collector
from wiring.scoring import Scoring, open_scoring
from wiring.settings import Settings
from wiring.traces import tag

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

    def accept(self, documents: Sequence[bytes]) -> Counts:
        """Take signals in: committed, and pushed online, when this returns."""
        with self._scoring.ports.watch.stage("ingest"):
            counts = self._sink.accept(documents, ORIGIN)
            tag(msgspec.structs.asdict(counts))
            return counts

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
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Leads by the score of their newest decision, and the cursor of the next page."""
        page = self._scoring.trail.latest(
            limit, after=cursor, grade=grade, queue=queue, min_score=min_score
        )
        answers: list[dict[str, Any]] = [msgspec.to_builtins(r.answer) for r in page.records]
        return answers, page.cursor

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
