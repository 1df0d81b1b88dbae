"""Approvals: promotions that wait, and their completion by the holder of a credential.

MLflow is neither loaded nor called: a waiting version is in the home's cache, and MLflow's aliases
follow with the next change that uses it.
"""

from collections.abc import Sequence
from typing import get_args

from config.settings import Settings
from domain.approvals import Approval, ApprovalRequest, PendingApproval
from domain.clock import iso
from domain.errors import LeadscoreError, Missing, Refused, Unavailable
from domain.versions.manifest import VersionKind
from jobs.models.promote import approve_candidate
from registry.ledger_entry import LedgerEntry
from registry.promotion import Candidate, Promotion
from registry.registry_state import fold
from registry.store import AnyRegistry
from registry.transitions import GateRefusal
from wiring.integrity.agreement import check_ledger, ledger_entries
from wiring.integrity.anchors import open_anchors
from wiring.outages import outages_told
from wiring.registry import open_by_credential

MOST = 200
"""Promotions that are listed as waiting."""
_KINDS: tuple[VersionKind, ...] = get_args(VersionKind)


class HomeApprovals:
    """The approvals of one home. Safe to use from several threads; calls may block."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def pending(self) -> list[PendingApproval]:
        """The promotions that wait for a second person, the newest first, `MOST` at most.

        Raises Unavailable where the ledger does not answer, or was altered.
        """
        with outages_told():
            entries = _sound(self._settings)
        approvals = [
            (request.sequence, _pending(request, kind))
            for kind in _KINDS
            for request in fold(entries, kind).requests.values()
        ]
        return [waiting for _, waiting in sorted(approvals, key=lambda one: -one[0])[:MOST]]

    def approve(self, approval: ApprovalRequest, credential: str) -> Approval:
        """Complete a promotion that waits, as the holder of `credential`; the gates are run again.

        The same again, by the same credential, tells what was recorded. Raises Missing where
        nothing waits, BadInput, Refused for who asked and where a gate fails, Unavailable.
        """
        with outages_told():
            _sound(self._settings)
            registry = open_by_credential(self._settings, approval.kind, credential)
            try:
                return _completed(self._settings, registry, approval, credential)
            finally:
                registry.ledger.close()


def _completed(
    settings: Settings, registry: AnyRegistry, approval: ApprovalRequest, credential: str
) -> Approval:
    label = registry.get(approval.version).label
    if approval.changes is not None and approval.kind != "policy":
        raise Refused(
            "`changes` is of a policy alone.",
            rule="changes-of-policy",
            todo="Leave `changes` out, or name a policy with `kind`.",
        )
    try:
        _promoted(settings, registry, label, approval, credential)
    except GateRefusal as refused:
        raise Refused(
            refused.what,
            rule=refused.rule,
            todo="The promotion must be asked for anew, once they pass or with `--override`.",
        ) from refused
    except Missing as missing:
        done = _recorded(registry, label, credential)
        if missing.rule != "promotion-requested" or done is None:
            raise
        return done
    done = _recorded(registry, label, credential)
    if done is None:  # another change came between
        raise Refused(
            f"{label} was approved, and something else was changed since.",
            rule="champion-unchanged",
            todo="`leadscore models history` has both.",
        )
    return done


def _promoted(
    settings: Settings,
    registry: AnyRegistry,
    label: str,
    approval: ApprovalRequest,
    credential: str,
) -> Promotion:
    candidate = Candidate(registry, label)
    return approve_candidate(
        settings, candidate, by=credential, reason=approval.reason, changes=approval.changes
    )


def _recorded(registry: AnyRegistry, label: str, credential: str) -> Approval | None:
    """The approval that made a version champion, if it still is, and this credential gave it."""
    if registry.standing().champion != label:
        return None
    entry = registry.ledger.history(label)[-1]
    if entry.kind != "promoted" or entry.approves is None or entry.credential != credential:
        return None
    return Approval(
        version=label,
        kind=registry.made_of.kind,
        sequence=entry.sequence,
        request=entry.approves,
        approved=iso(entry.at_us),
        credential=credential,
        reason=entry.reason,
        failed_gates=_failed(entry),
    )


def _sound(settings: Settings) -> Sequence[LedgerEntry]:
    """The ledger's entries. Raises Unavailable where it does not answer, or was altered."""
    try:
        entries = ledger_entries(settings)
        check_ledger(entries, open_anchors(settings))
    except Unavailable:
        raise
    except LeadscoreError as bad:
        raise Unavailable(
            "The promotion ledger is not what was anchored, or its chain is broken.",
            rule="ledger-sound",
            todo="Run `leadscore audit verify` where the home is.",
        ) from bad
    return entries


def _pending(request: LedgerEntry, kind: VersionKind) -> PendingApproval:
    return PendingApproval(
        version=request.subject,
        kind=kind,
        requested=iso(request.at_us),
        requested_by=request.by,
        credential=request.credential,
        reason=request.reason,
        failed_gates=_failed(request),
    )


def _failed(entry: LedgerEntry) -> tuple[str, ...]:
    return tuple(gate.name for gate in entry.gates if not gate.passed)
