"""The service's process, put together: scoring, and the way in for signals."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import msgspec

from config.settings import Settings
from domain.decisions import DecisionQuery, DecisionRecord, PolicyQuestion
from domain.errors import LeadscoreError, NoModel, Unavailable
from domain.findings import QualityFindings
from domain.log_status import LogStanding
from domain.ports import Observer
from domain.signals import Counts, Receipt
from domain.what_if import WhatIf, WhatIfRequest
from scoring.pending_answers import AnswerOrError
from signals.store import quarantine
from storage.engine import close_idle
from telemetry.attributes import tag
from telemetry.gc_tuning import tune_gc
from wiring.bundle import unpack_bundle
from wiring.outages import outage, outages_told, presence_of
from wiring.ranking import RankingFilters, ranked_leads
from wiring.scoring import Scoring, open_scoring

ORIGIN = "http"
"""How quarantine names documents that came through the service."""


class ServingRuntime:
    """What the service does, without HTTP. Safe to use from many threads.

    Each call raises Unavailable while the home, its disk or a database cannot be used; a home that
    was replaced is opened again.
    """

    def __init__(self, settings: Settings, open_parts: Callable[[], Scoring]) -> None:
        """`open_parts` opens scoring on the home. Raises what that does."""
        self._settings = settings
        self._open = open_parts
        self._opening = Lock()
        self._scoring = open_parts()
        self._presence = presence_of(settings)

    @contextmanager
    def here(self) -> Iterator[Scoring]:
        """The parts, on the home that is there now. Raises Unavailable."""
        with outages_told():
            if not self._presence.same():
                self._reopen()
            yield self._scoring

    def _reopen(self) -> None:
        with self._opening:
            if self._presence.same():
                return  # another thread did it
            try:
                fresh = self._open()
            except LeadscoreError as bad:
                raise Unavailable(bad.what, rule=bad.rule, todo=bad.todo) from bad
            self._scoring.plane.engine.dispose()
            self._scoring, self._presence = fresh, presence_of(self._settings)

    def answer(self, questions: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        """Score, decide and record; the answers in the order of the questions. Never raises."""
        try:
            with self.here() as scoring:
                _check_versions(scoring)
                answers = scoring.answerer.answer(questions)
        except (NoModel, Unavailable) as bad:
            return [bad] * len(questions)
        return [outage(one) or one if isinstance(one, Exception) else one for one in answers]

    def what_if(self, request: WhatIfRequest) -> WhatIf:
        """What a lead would score if it were otherwise; nothing is recorded.

        Raises UnknownLead, BadInput, NoModel, Unavailable.
        """
        with self.here() as scoring:
            _check_versions(scoring)
            directory = scoring.plane.directory
            if request.identifiers is not None:
                lead = directory.find(request.identifiers)
            else:
                lead = directory.resolve(request.lead_id or "")
            return scoring.what_ifs.ask(lead, request.changes)

    def accept(self, documents: Sequence[bytes]) -> Receipt:
        """Take signals in: committed, and pushed online, when this returns.

        Raises Unavailable; Refused where a quality gate stops them.
        """
        with self.here() as scoring, scoring.ports.watch.stage("ingest"):
            receipt = scoring.plane.ingest.receive(documents, ORIGIN)
            tag({name: getattr(receipt, name) for name in Counts.__struct_fields__})
            return receipt

    def standing(self) -> LogStanding:
        """The state of the log. Raises Unavailable."""
        with self.here() as scoring:
            quarantined = quarantine.by_rule(scoring.plane.engine)
            watermark_us = scoring.plane.directory.watermark_us()
            return LogStanding(watermark_us=watermark_us, quarantined=quarantined)

    def findings(self) -> tuple[QualityFindings, ...]:
        """What the quality gates found in this process, at the door and when scoring.

        The same objects at each call, their counts only grow; others once a home is opened anew.
        """
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

        As `wiring.ranking.ranked_leads`. Raises BadInput where invalid cursor.
        """
        filters = RankingFilters(grade=grade, queue=queue, min_score=min_score, eligible=eligible)
        records, following = self.ranked(
            filters, limit=limit, cursor=cursor, status=status, account=account
        )
        return [msgspec.to_builtins(record.answer) for record in records], following

    def ranked(
        self,
        filters: RankingFilters,
        *,
        limit: int,
        cursor: str | None = None,
        status: str = "open",
        account: str | None = None,
    ) -> tuple[list[DecisionRecord], str | None]:
        """As `leads`, with the records of the decisions."""
        with self.here() as scoring:
            return ranked_leads(
                scoring.trail,
                scoring.plane.directory,
                filters,
                limit=limit,
                cursor=cursor,
                status=status,
                account=account,
            )

    def decisions(
        self, query: DecisionQuery, limit: int, cursor: str | None = None
    ) -> tuple[list[DecisionRecord], str | None]:
        """Recorded decisions, newest first, and the cursor of the next page.

        Raises BadInput where invalid cursor.
        """
        with self.here() as scoring:
            page = scoring.trail.search(query, limit, cursor)
        return [entry.record for entry in page.entries], page.cursor

    def decision(self, decision_id: str) -> DecisionRecord:
        """One recorded decision. Raises Missing."""
        with self.here() as scoring:
            return scoring.trail.get(decision_id)

    def ready(self) -> None:
        """Raise NoModel or Unavailable where no lead could be scored."""
        with self.here() as scoring:
            scoring.versions.current()
            scoring.plane.directory.watermark_us()

    def close(self) -> None:
        """Let go of the databases."""
        self._scoring.plane.engine.dispose()


def _check_versions(scoring: Scoring) -> None:
    """Raise NoModel, or Unavailable where what stands cannot be opened: the home is at fault."""
    try:
        scoring.versions.current()
        scoring.policy()
    except (NoModel, Unavailable):
        raise
    except LeadscoreError as bad:
        raise Unavailable(bad.what, rule=bad.rule, todo=bad.todo) from bad


def open_runtime(settings: Settings, watch: Observer | None = None) -> ServingRuntime:
    """The runtime on this home; a home that is empty is furnished from the Bento's bundle.

    `watch` hears of the stages of each answer. Raises Unavailable where a disk or a database
    cannot be used.
    """

    def parts() -> Scoring:
        try:
            unpack_bundle(settings)
            return open_scoring(settings, live=True, watch=watch)
        except Exception:
            close_idle()  # what was opened by halves is opened anew the next time
            raise

    with outages_told():
        runtime = ServingRuntime(settings, parts)
    tune_gc()
    return runtime
