"""Examples of what is sent and answered, for the API's description. None is a real person."""

from http import HTTPStatus
from typing import Any

LEAD = "lead_0ea1b3fad4e2a3e1b"
NOBODY = "lead_00000000000000000"

ANSWER: dict[str, Any] = {
    "lead_id": LEAD,
    "score": 0.31,
    "percentile": 94.0,
    "grade": "A",
    "reasons": [
        {
            "feature": "demo_request_count",
            "value": 1.0,
            "contribution": 0.84,
            "text": "Demo requested once, last 2 days ago: raises the odds by 132%",
        }
    ],
    "decision": {
        "eligible": True,
        "action": "contact",
        "queue": "sales",
        "priority": 1,
        "next_best_action": "call",
        "rules": ["grade-a-to-sales"],
        "owner_pool": "inside_sales",
        "service_level_h": 4.0,
        "because": "A demonstration was asked for (Days since demo request <= 3)",
    },
    "versions": {
        "model": "leadscore-3",
        "feature_service": "standard_v1",
        "policy": "standard-1",
        "catalogue": "reasons-2",
    },
    "arm": "champion",
    "arms": {"model": "champion", "policy": "champion"},
    "features_as_of": "2026-01-15T09:30:00Z",
    "staleness_s": 12.5,
    "degraded": False,
    "degraded_by": "",
    "decision_id": "dec_7c9e6679f7a14b6e",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}

_TOLD = {name: ANSWER[name] for name in ("score", "percentile", "grade", "reasons", "decision")}
WHAT_IF: dict[str, Any] = {
    "lead_id": LEAD,
    "changes": [{"feature": "employees", "was": 120.0, "now": 900.0}],
    "before": _TOLD,
    "after": {**_TOLD, "score": 0.38, "percentile": 96.0},
    "notes": [],
    "versions": ANSWER["versions"],
    "arm": "champion",
    "features_as_of": ANSWER["features_as_of"],
}

EVENTS: dict[str, Any] = {
    "events": [
        {
            "id": "e-1001",
            "source": "web",
            "type": "web.page_viewed",
            "time": "2026-01-15T09:29:40Z",
            "identifiers": {"cookie": "c-5f2a"},
            "data": {"page": "pricing", "duration_s": 41},
        }
    ]
}

RECEIPT: dict[str, Any] = {
    "received": 2,
    "accepted": 1,
    "duplicates": 0,
    "quarantined": 1,
    "cured": 0,
    "refused": [
        {"index": 1, "rule": "unknown-type", "detail": "no contract for type web.page_vieved"}
    ],
    "refused_total": 1,
}

RECORD: dict[str, Any] = {
    "decided_us": 1768469412500000,
    "as_of_us": 1768469400000000,
    "watermark_us": 1768469400000000,
    "account_id": "acct_3f9d1c2b7a604e58",
    "features": [1.0, 0.25, None],
    "texts": ["NL", "software"],
    "margin": -0.8,
    "rollout": "rollout-6",
    "shadow": {"leadscore-4": 0.29},
    "facts": {
        "score": 0.31,
        "percentile": 94.0,
        "grade": "A",
        "account_known": True,
        "profile": {"country": "NL", "employees": 120.0},
        "features": {"demo_request_count": 1.0},
    },
    "answer": ANSWER,
    "assigned": [
        {
            "rollout": "rollout-6",
            "kind": "model",
            "mode": "canary",
            "step": 1,
            "weight": 0.2,
            "holdout": 0.05,
            "arm": "champion",
        }
    ],
    "shadow_decisions": {},
    "drawn": None,
}

_TRACE = "urn:leadscore:trace:4bf92f3577b34da6a3ce929d0e0e4736"


def _problem(status: int, kind: str, rule: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:leadscore:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": _TRACE,
        "rule": rule,
    }


NO_DECISION = _problem(404, "missing", "unknown-decision", "There is no such decision.")
NOT_REQUESTED = _problem(
    404,
    "missing",
    "promotion-requested",
    "no promotion of lead-3 waits for approval. Promote it with `--stage champion`: that makes the "
    "request.",
)
SAME_APPROVER = _problem(
    409,
    "refused",
    "second-approver",
    "lead-3 was requested by the same person, or with the same credential. Another person must "
    "approve it, from an account or with a credential of their own: another name does not count.",
)
PENDING: dict[str, Any] = {
    "version": "lead-3",
    "kind": "model",
    "requested": "2026-01-15T09:30:00Z",
    "requested_by": "ann",
    "credential": "os:ann",
    "reason": "ranks better since spring",
    "failed_gates": [],
}
APPROVAL: dict[str, Any] = {
    "version": "lead-3",
    "kind": "model",
    "sequence": 9,
    "request": 8,
    "approved": "2026-01-15T10:05:00Z",
    "credential": "key:9f86d081884c7d65",
    "reason": "seen",
    "failed_gates": [],
}
NOT_IN_WORKFLOW = _problem(
    404,
    "missing",
    "workflow-lead",
    "the workflow has no lead of that id. `leadscore workflow run` takes what was decided; a lead "
    "comes in with that.",
)
STANDING: dict[str, Any] = {
    "lead_id": "lead_0d86bdd8226f40cc4",
    "account_id": "acct_5f2c",
    "version": "standard-1",
    "state": "routed",
    "since": "2026-01-15T09:30:00Z",
    "owner": "anna",
    "attempts": 1,
    "due": {
        "acceptance_reminder": "2026-01-15T11:30:00Z",
        "acceptance_due": "2026-01-15T13:30:00Z",
    },
    "actions": ["accept", "reject"],
}
NOT_READY = _problem(
    503, "no-model", "no-champion", "No version is champion. Train a version and promote it."
)
PROBLEMS: dict[int, dict[str, Any]] = {
    400: _problem(
        400, "malformed-body", "json-well-formed", "The body is not well-formed JSON in UTF-8."
    ),
    401: _problem(
        401,
        "unauthenticated",
        "credential",
        "A valid credential is required: it is missing, wrong, expired or revoked. "
        "Send a key or a token as `Authorization: Bearer ...`.",
    ),
    403: _problem(403, "forbidden", "scope", "The credential lacks the required scope."),
    404: _problem(404, "unknown-lead", "unknown-lead", "No lead is known by that id."),
    409: SAME_APPROVER,
    413: _problem(
        413, "body-too-large", "body-too-large", "The body is larger than the service accepts."
    ),
    415: _problem(
        415,
        "json-only",
        "json-only",
        "The body must be JSON of a type that the route takes, not compressed.",
    ),
    422: _problem(422, "bad-input", "body-valid", "Expected `str`, got `int`. At $.lead_id."),
    429: _problem(
        429,
        "rate-limited",
        "rate",
        "The caller exceeds its rate limit. Retry after the time in Retry-After.",
    ),
    503: _problem(503, "unavailable", "features-unavailable", "The feature store does not answer."),
}
"""A problem document for each status that an operation may answer with."""
