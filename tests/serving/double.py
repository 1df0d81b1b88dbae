"""A small runtime in memory and SQLite behind the service, for its contract tests and loads."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from time import sleep
from typing import Any
from uuid import uuid4

import msgspec

from domain.approvals import Approval, ApprovalRequest, PendingApproval
from domain.decisions import DecisionQuery, DecisionRecord, PolicyQuestion
from domain.errors import BadInput, Missing, Refused, Unavailable, UnknownLead
from domain.findings import QualityFindings
from domain.identifiers import identifier_key, lead_id
from domain.log_status import LogStanding
from domain.signals import Receipt, RefusedEvent, decode
from domain.what_if import WhatIf, WhatIfRequest
from scoring.pending_answers import AnswerOrError
from serving.http import openapi_examples
from serving.service import Api, make_service
from telemetry.gc_tuning import tune_gc
from wiring.serving import ServingRuntime
from workflow.actions import LeadAction, LeadStanding

KNOWN = tuple(lead_id(identifier_key("crm_id", str(n))) for n in range(20))
HELD_S = 20.0
SECRET = "jo.personal@example.com"
"""Sits in the messages of unforeseen errors, and must never get out."""


class MemoryRuntime(ServingRuntime):
    """Twenty leads, by CRM id "0" to "19". Decisions are committed to SQLite.

    A batch whose first event says "slow" takes half a second; one that says "held" takes until
    somebody asks for CRM id "release", and no longer than `HELD_S`. CRM id "down" cannot be
    answered (Unavailable); "bug" raises an unforeseen error.
    """

    def __init__(self) -> None:
        self._file = str(Path(mkdtemp()) / "decisions.sqlite")
        self._local = threading.local()
        self._one = threading.Lock()
        self._released = threading.Event()
        self._seen: set[tuple[str, str]] = set()
        self.found = QualityFindings()
        self._store().execute("PRAGMA journal_mode = WAL")
        self._store().execute("CREATE TABLE d (id TEXT PRIMARY KEY, body BLOB)")

    def answer(self, asked: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        told = [self._told(one) for one in asked]
        rows = [
            (r.answer.decision_id, msgspec.json.encode(r))
            for r in told
            if isinstance(r, DecisionRecord)
        ]
        with self._one, self._store() as store:
            store.executemany("INSERT INTO d VALUES (?, ?)", rows)
        return [r.answer if isinstance(r, DecisionRecord) else r for r in told]

    def _told(self, one: PolicyQuestion) -> DecisionRecord | Exception:
        lead = one.lead_id
        if one.identifiers is not None:
            value = one.identifiers.get("crm_id", "")
            if value == "down":
                return Unavailable(
                    "The feature store does not answer.", rule="features-unavailable"
                )
            if value == "release":
                self._released.set()
            if value == "bug":
                return RuntimeError(f"unforeseen, with {SECRET}")
            lead = lead_id(identifier_key("crm_id", value))
        if lead not in KNOWN:
            return UnknownLead("No lead is known by that id.", rule="unknown-lead")
        return _record(lead, one.trace_id)

    def what_if(self, request: WhatIfRequest) -> WhatIf:
        if request.identifiers is not None or request.lead_id not in KNOWN:
            raise UnknownLead("No lead is known by that id.", rule="unknown-lead")
        if "employees" not in request.changes:
            raise BadInput("no feature has that name", rule="feature-known")
        return msgspec.convert(openapi_examples.WHAT_IF, WhatIf)

    def accept(self, documents: Sequence[bytes]) -> Receipt:
        counts = Receipt(received=len(documents))
        sleep(0.5 if b'"slow"' in documents[0] else 0)
        if b'"held"' in documents[0]:
            self._released.wait(HELD_S)
        for index, document in enumerate(documents):
            try:
                signal = decode(document)
            except (msgspec.DecodeError, RecursionError):
                counts.quarantined += 1
                counts.refused_total += 1
                told = RefusedEvent(index=index, rule="envelope", detail="no signal")
                counts.refused.append(told)
                self.found.add("event", "envelope", "double")
                continue
            new = (signal.source, signal.id) not in self._seen
            self._seen.add((signal.source, signal.id))
            counts.accepted += new
            counts.duplicates += not new
        return counts

    def findings(self) -> tuple[QualityFindings, ...]:
        return (self.found,)

    def standing(self) -> LogStanding:
        return LogStanding(watermark_us=1_780_000_000_000_000, quarantined={"envelope": 2})

    def leads(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        min_score: float | None = None,
        **_: object,
    ) -> tuple[list[dict[str, Any]], str | None]:
        if cursor is not None and not cursor.isdecimal():
            raise BadInput("The cursor was not given out here.", rule="cursor-valid")
        first = int(cursor or 0)
        rows = [{"lead_id": one, "score": 0.05 * n} for n, one in enumerate(KNOWN)]
        rows = [row for row in rows if min_score is None or row["score"] >= min_score]  # type: ignore[operator]
        following = str(first + limit) if first + limit < len(rows) else None
        return rows[first : first + limit], following

    def decisions(
        self, query: DecisionQuery, limit: int, cursor: str | None = None
    ) -> tuple[list[DecisionRecord], str | None]:
        return [], None

    def decision(self, decision_id: str) -> DecisionRecord:
        row = self._store().execute("SELECT body FROM d WHERE id = ?", (decision_id,)).fetchone()
        if row is None:
            raise Missing("There is no such decision.", rule="unknown-decision")
        return msgspec.json.decode(row[0], type=DecisionRecord)

    def ready(self) -> None:
        return

    def close(self) -> None:
        self._store().close()

    def _store(self) -> sqlite3.Connection:
        if not hasattr(self._local, "store"):
            self._local.store = sqlite3.connect(self._file)
        store: sqlite3.Connection = self._local.store
        return store


class ModelessRuntime(MemoryRuntime):
    """A runtime that has no champion to score with."""

    def ready(self) -> None:
        from domain.errors import NoModel

        raise NoModel("No version is champion.", rule="no-champion", todo="Promote one.")


def _record(lead: str, trace_id: str) -> DecisionRecord:
    answer = {
        **openapi_examples.ANSWER,
        "lead_id": lead,
        "decision_id": uuid4().hex,
        "trace_id": trace_id,
    }
    return msgspec.convert({**openapi_examples.RECORD, "answer": answer}, DecisionRecord)


class MemoryApprovals:
    """One promotion that waits, of `lead-3`; nobody approves any other."""

    def pending(self) -> list[PendingApproval]:
        return [msgspec.convert(openapi_examples.PENDING, PendingApproval)]

    def approve(self, asked: ApprovalRequest, credential: str) -> Approval:
        if asked.version != "lead-3" or asked.kind != "model":
            raise Missing("no such promotion waits", rule="promotion-requested")
        told = {**openapi_examples.APPROVAL, "credential": credential, "reason": asked.reason}
        return msgspec.convert(told, Approval)


class MemoryWorkflow:
    """One lead that is offered to its owner; nobody else is known."""

    def standing(self, lead_id: str) -> LeadStanding:
        if lead_id != openapi_examples.STANDING["lead_id"]:
            raise Missing("the workflow has no lead of that id", rule="workflow-lead")
        return msgspec.convert(openapi_examples.STANDING, LeadStanding)

    def act(self, action: LeadAction, by: str) -> LeadStanding:
        before = self.standing(action.lead_id)
        if action.action not in before.actions:
            raise Refused("a lead in routed does not take that", rule="workflow-state")
        after = {"accept": "accepted", "reject": "rejected"}[action.action]
        return msgspec.structs.replace(before, state=after, due={}, actions=())


class DoubleApi(Api):
    """The service over the runtime in memory."""

    def open_workflow(self) -> MemoryWorkflow:
        return MemoryWorkflow()

    def approvals(self) -> MemoryApprovals:
        return MemoryApprovals()

    def open_runtime(self) -> MemoryRuntime:
        tune_gc()
        return MemoryRuntime()


class ModelessApi(Api):
    """The service without a model."""

    def open_runtime(self) -> MemoryRuntime:
        return ModelessRuntime()


class BrokenApi(Api):
    """A service whose runtime fails to open in a way that nobody foresaw."""

    def open_runtime(self) -> MemoryRuntime:
        raise RuntimeError("nobody foresaw this")


Double = make_service(DoubleApi, "Double")
Modeless = make_service(ModelessApi, "Modeless")
Broken = make_service(BrokenApi, "Broken")
