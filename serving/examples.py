"""Examples of what is sent and answered, for the API's description. None is a real person."""

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
    },
    "versions": {
        "model": "leadscore-3",
        "feature_service": "standard_v1",
        "policy": "standard-1",
        "catalogue": "reasons-2",
    },
    "arm": "champion",
    "features_as_of": "2026-01-15T09:30:00Z",
    "staleness_s": 12.5,
    "degraded": False,
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

RECORD: dict[str, Any] = {
    "decided_us": 1768469412500000,
    "as_of_us": 1768469400000000,
    "watermark_us": 1768469400000000,
    "account_id": "acct_3f9d1c2b7a604e58",
    "features": [1.0, 0.25, None],
    "texts": ["NL", "software"],
    "margin": -0.8,
    "rollout": "",
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
}

PROBLEM: dict[str, Any] = {
    "type": "urn:leadscore:problem:unknown-lead",
    "title": "Not Found",
    "status": 404,
    "detail": "No lead is known by that id.",
    "instance": "urn:leadscore:trace:4bf92f3577b34da6a3ce929d0e0e4736",
    "rule": "unknown-lead",
}
