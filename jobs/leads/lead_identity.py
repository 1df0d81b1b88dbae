"""Who a lead is, and why: its identifiers, what is kept apart, the merges and splits."""

from typing import Any

from config.settings import Settings
from domain.clock import iso
from domain.identifiers import kind_of
from domain.ports import LeadRef
from signals.identity.explanations import reasons
from wiring.signals import SignalPlane


def identity_document(settings: Settings, plane: SignalPlane, lead: LeadRef) -> dict[str, Any]:
    """What is known of one lead's identity, as `leadscore identity show --json` has it."""
    directory = plane.directory
    names, apart = directory.names(lead), directory.kept_apart(lead)
    because = reasons(plane.engine, settings.identity.protections, [*names, *apart])
    separated = directory.separated(lead)
    return {
        "lead_id": lead.lead_id,
        "account_id": lead.account_id,
        "identifiers": [
            {
                "kind": kind_of(one.key),
                "key": one.key,
                "rule": one.rule,
                "because": because.get(one.key, ""),
            }
            for one in names
        ],
        "kept_apart": [
            {
                "kind": kind_of(one.key),
                "key": one.key,
                "lead_id": one.lead_id,
                "rule": one.rule,
                "because": because.get(one.key, ""),
                "decided": separated.get(one.key, ""),
            }
            for one in apart
        ],
        "together": [
            {**one._asdict(), "known_us": iso(one.known_us)} for one in directory.together(lead)
        ],
        "changes": [
            {**one, "known": iso(int(str(one.pop("known_us"))))} for one in directory.story(lead)
        ],
    }
