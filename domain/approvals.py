"""Approvals: promotions that wait for a second person, and what came of one."""

from typing import Annotated

import msgspec

from domain.versions.manifest import VersionKind

NO_NUL = r"^[^\u0000]*$"
"""PostgreSQL refuses any text with a NUL, as if it were the database's fault."""
LONGEST_REASON = 1_000


class ApprovalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The promotion that is approved: of a version, by its label or number, and why.

    `changes`, of a policy alone: on how many golden rows, at most, it is known to decide unlike
    the one in force. Who approves is the credential that the request comes with.
    """

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=NO_NUL)]
    kind: VersionKind
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_REASON, pattern=NO_NUL)]
    changes: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


class PendingApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion to champion that waits for a second person.

    `requested_by` is the name that was given, `credential` what its giver was known by.
    `requested` is RFC 3339, UTC. `failed_gates` are those that the request overrules.
    """

    version: str
    kind: VersionKind
    requested: str
    requested_by: str
    credential: str
    reason: str
    failed_gates: tuple[str, ...]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion that a second person completed, as the ledger's entry `sequence` has it.

    `request` is the entry that asked for it. `credential` is what the approver is known by.
    `approved` is RFC 3339, UTC. `failed_gates` are those that were overruled.
    """

    version: str
    kind: VersionKind
    sequence: int
    request: int
    approved: str
    credential: str
    reason: str
    failed_gates: tuple[str, ...]
