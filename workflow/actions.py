"""What people do with leads in their workflow, and where a lead stands."""

from typing import Annotated

import msgspec

from domain.approvals import NO_NUL

WorkflowLeadKey = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)]


class LeadAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that somebody does with a lead: accept, reject, complete, or what else there is.

    Who acts is the credential that the request comes with. With the same `request_id` it is done
    once, however often it is sent.
    """

    lead_id: WorkflowLeadKey
    action: Annotated[str, msgspec.Meta(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_]*$")]
    reason: Annotated[str, msgspec.Meta(max_length=500, pattern=NO_NUL)] = ""
    request_id: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[\x21-\x7e]*$")] = ""


class LeadStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lead stands in its workflow, and what people may do with it.

    `version` is the workflow's. `since` says since when it is in its state, `due` when its timers
    fire, by the event that they raise; RFC 3339, UTC. `attempts` counts the owners that it was
    offered to. `actions` are the events of people that its state takes.
    """

    lead_id: str
    account_id: str
    version: str
    state: str
    since: str
    owner: str
    attempts: int
    due: dict[str, str]
    actions: tuple[str, ...]
