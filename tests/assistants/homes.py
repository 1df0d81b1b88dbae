"""A scored home for tests of tools, and callers of it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from config.settings import Settings
from domain.clock import from_us
from jobs.assistants.caller import ToolCaller
from jobs.signals.ingest_files import ingest_files
from wiring.serving import ServingRuntime

READER = ToolCaller("key:reader", frozenset({"read", "score"}), "test")
PERSONAL = ToolCaller("key:personal", frozenset({"read", "personal"}), "test")
PROPOSER = ToolCaller("key:proposer", frozenset({"propose", "read"}), "test")
ADMIN = ToolCaller("key:admin", frozenset({"admin"}), "test")
ADDRESS, PHONE = "jo.private@acme-example.com", "+49 170 5550123"


def created(crm_id: str, at: datetime, **data: Any) -> dict[str, Any]:
    """The event of a new lead with an address and a telephone."""
    return {
        "id": f"created-{crm_id}",
        "source": "crm",
        "type": "crm.lead_created",
        "time": at.isoformat(),
        "identifiers": {"crm_id": crm_id, "email": ADDRESS.replace("jo", crm_id.lower())},
        "data": data,
    }


def ingested(settings: Settings, events: Sequence[dict[str, Any]]) -> None:
    """Take events in."""
    path = settings.home.parent / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    counts = ingest_files(settings, [str(path)], None, lambda _: None)
    assert sum(one.accepted for one in counts.values()) == len(events), counts


def after(runtime: ServingRuntime) -> datetime:
    """A moment after all that the log holds."""
    with runtime.here() as scoring:
        return from_us(scoring.plane.directory.watermark_us()) + timedelta(seconds=1)


def scored(runtime: ServingRuntime, crm_ids: Sequence[str]) -> list[str]:
    """Score leads by their CRM id; their ids."""
    from domain.decisions import PolicyQuestion

    answers = runtime.answer([PolicyQuestion(identifiers={"crm_id": one}) for one in crm_ids])
    return [answer.lead_id for answer in answers if not isinstance(answer, Exception)]
