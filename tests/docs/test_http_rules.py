"""The page of calls by example names every rule that a problem document can bear, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from serving import problems, stand_in
from tests.conftest import ROOT

ROOMS = (
    "domain",
    "storage",
    "signals",
    "feature_repo",
    "registry",
    "scoring",
    "decisions",
    "workflow",
    "config",
    "wiring",
    "serving",
)
"""What a worker process may run."""
WITHOUT_A_REQUEST = {"NoModel", "Unavailable"}
"""Errors that say nothing of a request: wherever they are raised, a caller may hear of them."""
OF_REQUESTS = {"BadInput", "Missing", "Refused", "UnknownLead"}
"""Errors of what was asked: in these files of a request over HTTP."""
READING = (
    *("serving/http/schemas.py", "serving/http/cloudevents.py", "serving/http/idempotency.py"),
    *(
        "scoring/answer.py",
        "scoring/pending_answers.py",
        "scoring/what_if.py",
        "signals/identity/directory.py",
    ),
    *("jobs/models/approvals.py", "jobs/workflow/people.py", "workflow/store/lead_store.py"),
    *("decisions/audit/trail.py", "decisions/audit/search.py", "decisions/audit/ranking.py"),
    "config/extras.py",
)
OF_APPROVALS = {
    "champion-unchanged",
    "gates-passed",
    "promotion-requested",
    "reason-given",
    "second-approver",
    "stage-differs",
    "version-known",
    "version-unambiguous",
}
"""Rules of the registry that a caller hears of who approves a promotion."""
AT_THE_DOOR = {"Forbidden", "MalformedBody", "RateLimited", "Saturated", "Unauthenticated"}
KINDS = {"partial": "Unavailable"}
"""What the errors of a bound `storage.sql.answering` are."""
NOT_OVER_HTTP = {
    "anchors-webhook": "is logged",
    "bus-reachable": "the worker of a bus",
    "lineage-server": "the outbox",
    "mlflow-available": "the registry's side",
    "rollout-arms": "a rollout's start",
    "server-starts": "the supervisor",
    "temporary-files": "the supervisor",
}
"""Rules of other programs, and which."""


def raised(path: Path) -> Iterator[tuple[str, str]]:
    """The errors and problems that a file makes, with the rule of each."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            kind = KINDS.get(node.func.id, node.func.id)
            for word in node.keywords:
                if word.arg == "rule" and isinstance(word.value, ast.Constant):
                    yield kind, str(word.value.value)


def rules() -> set[str]:
    """Every rule that an answer over HTTP may bear."""
    found = {rule for rule, _ in problems._DETAILS.values()} | {str(stand_in._PROBLEM["rule"])}
    for room in (*ROOMS, "jobs"):
        for path in (ROOT / room).rglob("*.py"):
            if room == "jobs" and path.name not in ("approvals.py", "people.py"):
                continue  # a worker process runs no other use case
            kinds = WITHOUT_A_REQUEST | (
                OF_REQUESTS if path.relative_to(ROOT).as_posix() in READING else set()
            )
            if room == "serving":
                kinds = kinds | AT_THE_DOOR | {"problem"}
            found |= {rule for kind, rule in raised(path) if kind in kinds}
    return (found | OF_APPROVALS) - set(NOT_OVER_HTTP)


def test_the_page_names_every_rule_and_no_other() -> None:
    page = (ROOT / "docs" / "http.md").read_text()
    table = page[page.index("| rule | status |") :].split("\n\n")[0]
    named = [
        name
        for row in table.splitlines()[2:]
        for name in re.findall("`([^`]+)`", row.split("|")[1])
    ]
    assert len(named) == len(set(named))
    assert set(named) == rules()


def test_the_registry_has_the_rules_of_approvals() -> None:
    held = "".join(path.read_text() for path in (ROOT / "registry").glob("*.py"))
    assert [rule for rule in sorted(OF_APPROVALS) if f'"{rule}"' not in held] == []


def test_what_is_left_out_is_raised_somewhere() -> None:
    made = {r for room in ROOMS for p in (ROOT / room).rglob("*.py") for _, r in raised(p)}
    assert set(NOT_OVER_HTTP) <= made
