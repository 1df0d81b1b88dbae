"""The API's description: OpenAPI 3.1, its schemas taken from the very types that are decoded."""

from functools import cache
from http import HTTPStatus

from serving.auth.api_keys import Scope
from serving.auth.open_paths import APPROVALS, WORKFLOW
from serving.http import cloudevents, idempotency, openapi_examples
from serving.http import schemas as bodies
from serving.http.openapi_schemas import JsonDict, schema_of, schemas
from serving.problems import MEDIA_TYPE


@cache
def describe() -> JsonDict:
    """The whole OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lead scoring",
            "version": "1",
            "description": "Scores leads, explains and decides, and takes events in. Every error "
            "is a problem document (RFC 9457). Each operation names the scope that a credential "
            "needs for it; callers on the service's own machine need none, unless it is told "
            "otherwise.",
        },
        "servers": [{"url": "."}],
        "tags": [{"name": name, "description": text} for name, (text, _) in _TAGS.items()],
        "paths": _tagged(
            {
                "/score": {"post": _score()},
                "/score_batch": {"post": _score_batch()},
                "/what_if": {"post": _what_if()},
                "/events": {"post": _events()},
                "/leads": {"get": _leads()},
                "/decisions": {"get": _decisions()},
                "/decisions/{decision_id}": {"get": _decision()},
                APPROVALS: {"get": _pending(), "post": _approve()},
                WORKFLOW: {"get": _standing(), "post": _act()},
                **{path: {"get": _probe(name, text)} for path, name, text in _PROBES},
                "/metrics": {"get": _metrics()},
            }
        ),
        "components": {"schemas": schemas(), "securitySchemes": SECURITY},
    }


_TAGS = {
    "scores": ("Scores with reasons and decisions.", ("/score", "/what_if")),
    "events": ("The way in for signals and outcomes.", ("/events",)),
    "records": ("What was scored and decided.", ("/leads", "/decisions")),
    "approvals": ("Promotions that wait for a second person.", (APPROVALS,)),
    "workflow": ("Leads in their workflow, and what their owners do.", (WORKFLOW,)),
    "probes": ("Health and metrics.", ("/livez", "/readyz", "/metrics")),
}
"""What operations are grouped by: a name, what it tells, how its paths begin."""


def _tagged(paths: dict[str, JsonDict]) -> dict[str, JsonDict]:
    """The same paths, each operation under its tag."""
    for path, item in paths.items():
        (tag,) = (name for name, (_, begins) in _TAGS.items() if path.startswith(begins))
        for operation in item.values():
            operation["tags"] = [tag]
    return paths


_PROBES = (
    ("/livez", "livez", "The process runs."),
    ("/readyz", "readyz", "The service can score; 503 and why where it cannot."),
)
SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, as `leadscore keys create` prints it.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the issuer that the service trusts, its scopes in `scope`.",
    },
}
"""What a credential may be."""
ANY = (401, 403, 429, 503)
"""What every operation may answer with that needs a credential."""


def _ref(name: str) -> JsonDict:
    return {"$ref": f"#/components/schemas/{name}"}


def _problems(*statuses: int, **instead: JsonDict) -> JsonDict:
    """The problem answers, each with its example; `instead` has others, by `_404`."""
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "headers": _HEADERS.get(status, {}),
            "content": {
                MEDIA_TYPE: {
                    "schema": _ref("Problem"),
                    "example": instead.get(f"_{status}", openapi_examples.PROBLEMS[status]),
                }
            },
        }
        for status in sorted(statuses)
    }


_WAIT = {
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_HEADERS: dict[int, JsonDict] = {
    401: {
        "WWW-Authenticate": {
            "description": "What kind of credential is needed.",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    429: _WAIT,
    503: _WAIT,
}


def _operation(
    name: str, summary: str, scope: Scope, answer: JsonDict, problems: JsonDict
) -> JsonDict:
    return {
        "operationId": name,
        "summary": summary,
        "security": [{kind: [str(scope)]} for kind in SECURITY],
        "responses": {"200": {"description": "Done", "content": answer}, **problems},
    }


def _json(schema: str, example: object) -> JsonDict:
    return {"application/json": {"schema": _ref(schema), "example": example}}


def _body(name: str, shown: dict[str, object]) -> JsonDict:
    named = {key.replace(" ", "_"): {"summary": key, "value": v} for key, v in shown.items()}
    content = {"application/json": {"schema": _ref(name), "examples": named}}
    return {"required": True, "content": content}


_POSTED = (400, 413, 415, 422, *ANY)


_ONCE: JsonDict = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body, from the same caller, gets the decisions "
    "that were recorded at first; with another body it is refused.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": idempotency.MOST,
        "pattern": "^[!-~]+$",
    },
}


def _score() -> JsonDict:
    answer = _json("ScoreAnswer", openapi_examples.ANSWER)
    operation = _operation("score", "Score one lead", Scope.SCORE, answer, _problems(404, *_POSTED))
    shown: dict[str, object] = {
        "by id": {"lead_id": openapi_examples.LEAD},
        "by identifiers": {"identifiers": {"crm_id": "00Q5g000001"}},
    }
    operation["responses"]["200"]["links"] = {
        "decision": {
            "operationId": "decision",
            "parameters": {"decision_id": "$response.body#/decision_id"},
        }
    }
    return {**operation, "parameters": [_ONCE], "requestBody": _body("ScoreRequest", shown)}


def _score_batch() -> JsonDict:
    answer = _json(
        "BatchAnswer", {"answers": [openapi_examples.ANSWER], "unknown": [openapi_examples.NOBODY]}
    )
    operation = _operation(
        "score_batch", "Score many leads", Scope.SCORE, answer, _problems(*_POSTED)
    )
    shown: dict[str, object] = {
        "two leads": {"lead_ids": [openapi_examples.LEAD, openapi_examples.NOBODY]}
    }
    return {**operation, "parameters": [_ONCE], "requestBody": _body("BatchRequest", shown)}


def _what_if() -> JsonDict:
    summary = "Score a lead as if it were otherwise; nothing is recorded"
    answer = _json("WhatIf", openapi_examples.WHAT_IF)
    operation = _operation("what_if", summary, Scope.SCORE, answer, _problems(404, *_POSTED))
    changes = {"employees": 900.0, "industry": "software", "country": None}
    shown: dict[str, object] = {
        "other profile": {"lead_id": openapi_examples.LEAD, "changes": changes}
    }
    return {**operation, "requestBody": _body("WhatIfRequest", shown)}


_EVENTS_TEXT = (
    "As a list, or as CloudEvents 1.0 over HTTP: structured, batched, or binary, where attributes "
    "come as `ce-` headers and the body is the data, in JSON. The extension attribute "
    "`identifiers` says whom an event is about: an object, or its JSON as a text. Of several "
    "events one that is refused fails no other: the answer names it with the rule that it breaks. "
    "A request that is one event is answered 422 where that is refused. What is refused is kept in "
    "quarantine."
)


def _events() -> JsonDict:
    answer = _json("Receipt", openapi_examples.RECEIPT)
    operation = _operation("events", "Take events in", Scope.INGEST, answer, _problems(*_POSTED))
    body = _body("EventsRequest", {"one event": openapi_examples.EVENTS})
    one, batch = openapi_examples.EVENTS["events"][0], schema_of(bodies.EventsRequest)
    body["content"][cloudevents.ONE] = {"schema": _ref("Signal"), "example": one}
    body["content"][cloudevents.BATCH] = {
        "schema": {**batch["properties"]["events"], "minItems": 0},
        "example": [one],
    }
    return {**operation, "description": _EVENTS_TEXT, "requestBody": body}


def _leads() -> JsonDict:
    answer = _json("LeadsPage", {"leads": [openapi_examples.ANSWER], "next_cursor": None})
    parameters = _parameters("LeadsQuery")
    operation = _operation("leads", "List leads by score", Scope.READ, answer, _problems(422, *ANY))
    operation["responses"]["200"]["links"] = {
        "next": {
            "operationId": "leads",
            "parameters": {"cursor": "$response.body#/next_cursor"},
        },
        "decision": {
            "operationId": "decision",
            "parameters": {"decision_id": "$response.body#/leads/0/decision_id"},
        },
        "again": {
            "operationId": "score",
            "requestBody": {"lead_id": "$response.body#/leads/0/lead_id"},
        },
    }
    return {**operation, "parameters": parameters}


def _parameters(query: str) -> list[JsonDict]:
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in schemas()[query]["properties"].items()
    ]


def _decisions() -> JsonDict:
    answer = _json("DecisionsPage", {"decisions": [openapi_examples.RECORD], "next_cursor": None})
    text = "List recorded decisions, newest first"
    operation = _operation("decisions", text, Scope.READ, answer, _problems(422, *ANY))
    return {**operation, "parameters": _parameters("DecisionsQuery")}


def _decision() -> JsonDict:
    answer = _json("DecisionRecord", openapi_examples.RECORD)
    problems = _problems(404, *ANY, _404=openapi_examples.NO_DECISION)
    operation = _operation("decision", "The record of one decision", Scope.READ, answer, problems)
    parameter = {
        "name": "decision_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": openapi_examples.ANSWER["decision_id"],
    }
    return {**operation, "parameters": [parameter]}


def _pending() -> JsonDict:
    answer = _json("PendingApprovals", {"approvals": [openapi_examples.PENDING]})
    text = "List promotions that wait for a second person"
    return _operation("approvals", text, Scope.APPROVE, answer, _problems(*ANY))


def _approve() -> JsonDict:
    answer = _json("Approval", openapi_examples.APPROVAL)
    text = "Approve a promotion that another person asked for"
    problems = _problems(404, 409, *_POSTED, _404=openapi_examples.NOT_REQUESTED)
    operation = _operation("approve", text, Scope.APPROVE, answer, problems)
    shown: dict[str, object] = {
        "a model": {"version": "lead-3", "kind": "model", "reason": "seen"},
        "a policy": {"version": "standard-2", "kind": "policy", "reason": "seen", "changes": 3},
    }
    return {
        **operation,
        "description": _APPROVE_TEXT,
        "requestBody": _body("ApprovalRequest", shown),
    }


_APPROVE_TEXT = (
    "The gates are run again, and the version becomes champion. Who approves is the credential "
    "that the request comes with, recorded in the ledger as a key's id or the hash of a token's "
    "subject; callers on the service's own machine need one too. Who asked cannot approve. The "
    "same again, by the same credential, tells what was recorded."
)


def _standing() -> JsonDict:
    answer = _json("LeadStanding", openapi_examples.STANDING)
    text = "Where a lead stands in its workflow"
    problems = _problems(404, 422, *ANY, _404=openapi_examples.NOT_IN_WORKFLOW)
    operation = _operation("standing", text, Scope.WORK, answer, problems)
    return {**operation, "parameters": _parameters("StandingQuery")}


def _act() -> JsonDict:
    answer = _json("LeadStanding", openapi_examples.STANDING)
    text = "Accept, reject or complete a lead"
    problems = _problems(404, 409, *_POSTED, _404=openapi_examples.NOT_IN_WORKFLOW)
    operation = _operation("act", text, Scope.WORK, answer, problems)
    shown: dict[str, object] = {
        "accept": {"lead_id": openapi_examples.STANDING["lead_id"], "action": "accept"},
        "reject": {
            "lead_id": openapi_examples.STANDING["lead_id"],
            "action": "reject",
            "reason": "not my region",
            "request_id": "7c1e",
        },
    }
    return {**operation, "description": _ACT_TEXT, "requestBody": _body("LeadAction", shown)}


_ACT_TEXT = (
    "What actions there are, the home's `workflow.yaml` says; the standing of a lead lists those "
    "that its state takes. Who acts is the credential that the request comes with, recorded in the "
    "journal of the workflow. The same `request_id` again does nothing more."
)
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


def _metrics() -> JsonDict:
    text = "Metrics in Prometheus' text format."
    return _operation("metrics", text, Scope.READ, _TEXT, _problems(*ANY))


def _probe(name: str, text: str) -> JsonDict:
    problems = _problems(503, _503=openapi_examples.NOT_READY)
    return {
        "operationId": name,
        "summary": text,
        "security": [],
        "responses": {"200": {"description": "Yes", "content": _TEXT}, **problems},
    }
