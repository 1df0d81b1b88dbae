"""The API's description: OpenAPI 3.1, its schemas taken from the very types that are decoded."""

from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from domain.decisions import DecisionRecord
from domain.scores import ScoreAnswer
from domain.signals import Counts
from domain.what_if import WhatIf, WhatIfRequest
from serving import bodies, examples
from serving.problems import MEDIA_TYPE, Problem

JsonDict = dict[str, Any]


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answers for the leads that are known, and the ids of those that are not."""

    answers: list[ScoreAnswer]
    unknown: list[str]


class LeadsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of leads; `next_cursor` asks for the next, null where there is none."""

    leads: list[dict[str, Any]]
    next_cursor: str | None


DESCRIBED = (
    bodies.ScoreRequest,
    bodies.BatchRequest,
    WhatIfRequest,
    bodies.EventsRequest,
    bodies.LeadsQuery,
    ScoreAnswer,
    BatchAnswer,
    WhatIf,
    Counts,
    LeadsPage,
    DecisionRecord,
    Problem,
)
"""All types that the API's description shows."""


@cache
def schemas() -> JsonDict:
    """The JSON schemas of all that is sent and answered, by name."""
    _, found = msgspec.json.schema_components(DESCRIBED, ref_template="#/components/schemas/{name}")
    return found


def schema_of(kind: type) -> JsonDict:
    """The JSON schema of one type, complete in itself; the caller's to change."""
    (_,), held = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {**held.pop(kind.__name__), "$defs": held}


@cache
def describe() -> JsonDict:
    """The whole OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lead scoring",
            "version": "1",
            "description": "Scores leads, explains and decides, and takes events in. Every error "
            "is a problem document (RFC 9457).",
        },
        "servers": [{"url": "."}],
        "paths": {
            "/score": {"post": _score()},
            "/score_batch": {"post": _score_batch()},
            "/what_if": {"post": _what_if()},
            "/events": {"post": _events()},
            "/leads": {"get": _leads()},
            "/decisions/{decision_id}": {"get": _decision()},
            **{path: {"get": _probe(name, text)} for path, name, text in _PROBES},
        },
        "components": {"schemas": schemas()},
    }


_PROBES = (
    ("/livez", "livez", "The process runs."),
    ("/readyz", "readyz", "The service can score; 503 and why where it cannot."),
    ("/metrics", "metrics", "Metrics in Prometheus' text format."),
)


def _ref(name: str) -> JsonDict:
    return {"$ref": f"#/components/schemas/{name}"}


def _problems(*statuses: int) -> JsonDict:
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": _ref("Problem"), "example": examples.PROBLEM}},
        }
        for status in statuses
    }


def _operation(
    name: str, summary: str, answer: str, example: object, errors: tuple[int, ...]
) -> JsonDict:
    content = {"application/json": {"schema": _ref(answer), "example": example}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "Done", "content": content}, **_problems(*errors)},
    }


def _body(name: str, shown: dict[str, object]) -> JsonDict:
    named = {key.replace(" ", "_"): {"summary": key, "value": v} for key, v in shown.items()}
    content = {"application/json": {"schema": _ref(name), "examples": named}}
    return {"required": True, "content": content}


def _score() -> JsonDict:
    made = _operation(
        "score", "Score one lead", "ScoreAnswer", examples.ANSWER, (400, 404, 413, 415, 422, 503)
    )
    shown: dict[str, object] = {
        "by id": {"lead_id": examples.LEAD},
        "by identifiers": {"identifiers": {"crm_id": "00Q5g000001"}},
    }
    return {**made, "requestBody": _body("ScoreRequest", shown)}


def _score_batch() -> JsonDict:
    answer = {"answers": [examples.ANSWER], "unknown": [examples.NOBODY]}
    errors = (400, 413, 415, 422, 503)
    made = _operation("score_batch", "Score many leads", "BatchAnswer", answer, errors)
    shown: dict[str, object] = {"two leads": {"lead_ids": [examples.LEAD, examples.NOBODY]}}
    return {**made, "requestBody": _body("BatchRequest", shown)}


def _what_if() -> JsonDict:
    errors = (400, 404, 413, 415, 422, 503)
    summary = "Score a lead as if it were otherwise; nothing is recorded"
    made = _operation("what_if", summary, "WhatIf", examples.WHAT_IF, errors)
    asked = {"employees": 900.0, "industry": "software", "country": None}
    shown: dict[str, object] = {"other profile": {"lead_id": examples.LEAD, "changes": asked}}
    return {**made, "requestBody": _body("WhatIfRequest", shown)}


def _events() -> JsonDict:
    counts = {"received": 1, "accepted": 1, "duplicates": 0, "quarantined": 0}
    errors = (400, 413, 415, 422, 503)
    made = _operation("events", "Take events in", "Counts", counts, errors)
    return {**made, "requestBody": _body("EventsRequest", {"one event": examples.EVENTS})}


def _leads() -> JsonDict:
    page = {"leads": [{"lead_id": examples.LEAD, "score": 0.31}], "next_cursor": None}
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in schemas()["LeadsQuery"]["properties"].items()
    ]
    made = _operation("leads", "List leads by score", "LeadsPage", page, (422, 503))
    return {**made, "parameters": parameters}


def _decision() -> JsonDict:
    made = _operation(
        "decision", "The record of one decision", "DecisionRecord", examples.RECORD, (404, 503)
    )
    parameter = {
        "name": "decision_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": examples.ANSWER["decision_id"],
    }
    return {**made, "parameters": [parameter]}


def _probe(name: str, text: str) -> JsonDict:
    plain = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": name,
        "summary": text,
        "responses": {"200": {"description": "Yes", "content": plain}, **_problems(503)},
    }
