"""Policies: their tables shown, checked, compared; promoted and rolled back."""

from typing import Any, NamedTuple

from starlette.responses import Response

from console.frame.headers import PAGE_HEADERS
from console.frame.page import GoTo, Visit, shown, tried, written
from console.pages.changes import ledger_rows
from console.pages.policy_backtest import backtested, request_fields
from console.pages.policy_files import policy_document, policy_file
from decisions.policy.policy import load_policy
from domain.versions.manifest import Stage
from jobs.models.promote import approve_candidate, promote, rollback
from registry.promotion import Candidate
from wiring.decisions import POLICIES, in_force
from wiring.policies import compare_files, reviewed

SHOWN_DIFFERENCES = 12
STAGES = ("challenger", "champion")


class PolicyLine(NamedTuple):
    """A policy in the list."""

    label: str
    stage: str
    in_force: bool


def policies(visit: Visit) -> dict[str, Any]:
    """Registered policies, those that come along, and the one in force."""
    settings, registry = visit.home.settings, visit.home.policies
    label, path = in_force(settings)
    standing = registry.standing()
    rows = [PolicyLine(v.label, str(v.stage), v.label == label) for v in registry.versions()[::-1]]
    rows += [
        PolicyLine(load_policy(p).label, "comes along", label is None and p == path)
        for p in sorted(POLICIES.glob("*.json"))
    ]
    return {
        "rows": rows,
        "requests": list(standing.requests.values()),
        "can_roll_back": bool(standing.reigns),
        "changes": ledger_rows(registry.ledger.entries(), "policy"),
    }


def policy(visit: Visit) -> dict[str, Any]:
    """One policy: its tables, its stage, what may be done with it."""
    label = visit.path["policy"]
    document = policy_document(visit.home, label)
    standing = visit.home.policies.standing()
    stage = standing.stages.get(label)
    return {
        "label": label,
        "policy": document,
        "stage": stage,
        "stages": [s for s in STAGES if stage is not None and s != stage],
        "request": standing.requests.get(label),
        "findings": None,
        "differences": None,
        **request_fields(visit.form),
    }


def backtest_policy(visit: Visit) -> dict[str, Any]:
    """The same, with what it would have made of recorded decisions."""
    label = visit.path["policy"]
    named, path = policy_file(visit.home, label)
    return {**policy(visit), **backtested(visit, named or str(path))}


def look_at_policy(visit: Visit) -> dict[str, Any]:
    """The same, with what the checks say, and where it decides unlike the one in force."""
    settings, label = visit.home.settings, visit.path["policy"]
    policy_document(visit.home, label)
    named, path = policy_file(visit.home, label)
    differences = compare_files(in_force(settings), (named, path))
    return {**policy(visit), "findings": reviewed(settings, path), "differences": differences}


def document_json(visit: Visit) -> Response:
    """A policy's file as it stands: what an editor of the whole graph begins with."""
    path = policy_file(visit.home, visit.path["policy"])[1]
    policy_document(visit.home, visit.path["policy"])
    return Response(path.read_bytes(), headers=PAGE_HEADERS, media_type="application/json")


def promote_policy(visit: Visit) -> GoTo:
    """Move a registered policy to a stage, if its gates let it."""
    form, label = visit.form, visit.path["policy"]
    changes = int(form.number("changes", 0, 1e9)) if form.text("changes") else None
    done = promote(
        visit.home.settings,
        _candidate(visit),
        Stage(form.choice("stage", STAGES)),
        by=visit.visitor.by,
        reason=visit.reason,
        override=form.flag("override"),
        changes=changes,
    )
    return GoTo(f"/policies/{label}", done="waiting" if done.waiting else "promoted")


def approve_policy(visit: Visit) -> GoTo:
    """Complete a promotion that another person asked for."""
    form = visit.form
    changes = int(form.number("changes", 0, 1e9)) if form.text("changes") else None
    approve_candidate(
        visit.home.settings,
        _candidate(visit),
        by=visit.visitor.by,
        reason=visit.reason,
        changes=changes,
    )
    return GoTo(f"/policies/{visit.path['policy']}", done="approved")


def roll_back(visit: Visit) -> GoTo:
    """Put back the policy that was in force before."""
    who = visit.visitor
    registry = visit.home.registry("policy", who.credential)
    rollback(visit.home.settings, "policy", by=who.by, reason=visit.reason, registry=registry)
    return GoTo("/policies", done="rolled_back")


def _candidate(visit: Visit) -> Candidate:
    registry = visit.home.registry("policy", visit.visitor.credential)
    return Candidate(registry, visit.path["policy"])


PAGES = (
    shown("/policies", policies, "policies.html", "Policies"),
    written("/policies/roll-back", roll_back, "Policies"),
    shown("/policies/{policy}", policy, "policy.html", "Policies"),
    tried("/policies/{policy}/look", look_at_policy, "policy.html", "Policies"),
    tried("/policies/{policy}/backtest", backtest_policy, "policy.html", "Policies"),
    shown("/policies/{policy}/document.json", document_json, "", "Policies"),
    written("/policies/{policy}/promote", promote_policy, "Policies"),
    written("/policies/{policy}/approve", approve_policy, "Policies", "approve"),
)
