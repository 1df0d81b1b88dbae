"""The JSON schemas of all that is sent and answered, made of the types that are decoded."""

from functools import cache
from typing import Any

import msgspec

from domain.approvals import Approval, ApprovalRequest, PendingApproval
from domain.decisions import DecisionRecord
from domain.scores import ScoreAnswer
from domain.signals import Receipt, Signal
from domain.what_if import WhatIf, WhatIfRequest
from serving.http import schemas as bodies
from serving.http.answers import BatchAnswer, DecisionsPage, LeadsPage, PendingApprovals
from serving.problems import Problem
from workflow.actions import LeadAction, LeadStanding

JsonDict = dict[str, Any]

DESCRIBED = (
    bodies.ScoreRequest,
    bodies.BatchRequest,
    WhatIfRequest,
    bodies.EventsRequest,
    bodies.LeadsQuery,
    ScoreAnswer,
    BatchAnswer,
    WhatIf,
    Receipt,
    Signal,
    LeadsPage,
    bodies.DecisionsQuery,
    DecisionsPage,
    DecisionRecord,
    ApprovalRequest,
    Approval,
    PendingApproval,
    PendingApprovals,
    bodies.StandingQuery,
    LeadAction,
    LeadStanding,
    Problem,
)
"""All types that the API's description shows."""


@cache
def schemas() -> JsonDict:
    """The JSON schemas of all that is sent and answered, by name."""
    _, components = msgspec.json.schema_components(
        DESCRIBED, ref_template="#/components/schemas/{name}"
    )
    return _exactly(components)


def schema_of(kind: type) -> JsonDict:
    """The JSON schema of one type, complete in itself; the caller's to change."""
    (_,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    exact = _exactly(components)
    return {**exact.pop(kind.__name__), "$defs": exact}


def _exactly(components: JsonDict) -> JsonDict:
    """Schemas with what `bodies.check_choice` checks beyond the types: one of two, known kinds."""
    names = (bodies.ScoreRequest.__name__, WhatIfRequest.__name__)
    return components | {
        name: _one_of_two(components[name]) for name in names if name in components
    }


def _one_of_two(schema: JsonDict) -> JsonDict:
    _, identifiers = sorted(
        schema["properties"]["identifiers"]["anyOf"], key=lambda one: one["type"] != "null"
    )
    examples = {
        "lead_id": {"lead_id": {"type": "string"}, "identifiers": {"type": "null"}},
        "identifiers": {"identifiers": {"type": "object"}, "lead_id": {"type": "null"}},
    }
    identifiers["propertyNames"] = {"enum": sorted(bodies.KINDS)}
    one = [{"required": [field], "properties": kinds} for field, kinds in examples.items()]
    return {**schema, "oneOf": one}
