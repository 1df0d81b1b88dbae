"""A copy of a policy being edited: its tables as a form, or its graph in the GoRules editor."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from console.frame.editor_files import is_built
from console.frame.page import GoTo, Visit, shown, tried, written
from console.pages.policy_backtest import of_draft, request_fields
from console.pages.policy_files import policy_document, written_file
from console.pages.policy_form import form_document, form_rows
from decisions.policy.document import PolicyDocument
from domain.errors import Missing
from wiring.decisions import in_force
from wiring.policies import compare_files, register, reviewed


def edit(visit: Visit) -> dict[str, Any]:
    """A policy's tables as a form."""
    document = policy_document(visit.home, visit.path["policy"])
    return _edited(visit, document, form_rows(document))


def draft(visit: Visit) -> dict[str, Any]:
    """The form as it was sent: a row added, moved or taken away; or checked, or backtested."""
    document = policy_document(visit.home, visit.path["policy"])
    body, rows = form_document(document, visit.form)
    page = _edited(visit, PolicyDocument(body), rows)
    if not (visit.form.flag("check") or visit.form.flag("backtest")):
        return page
    with written_file(body) as path:
        settings = visit.home.settings
        findings = reviewed(settings, path)
        differences = [] if findings else compare_files(in_force(settings), (None, path))
        tested = {} if findings else of_draft(visit, path)
    return {**page, "findings": findings, "differences": differences, **tested}


def graph(visit: Visit) -> dict[str, Any]:
    """A policy's graph in the GoRules editor, where it is installed. Raises Missing."""
    if not is_built():
        raise Missing(
            "the graph editor is not part of this installation",
            rule="graph-editor",
            todo="Edit the tables as a form; in a checkout, `make editor` builds it.",
        )
    return _as_graph(edit(visit))


def graph_draft(visit: Visit) -> dict[str, Any]:
    """The graph as it was sent, checked and compared."""
    return _as_graph(draft(visit))


def register_draft(visit: Visit) -> GoTo | dict[str, Any]:
    """Register the form as a new candidate; the form again where the checks find something."""
    document = policy_document(visit.home, visit.path["policy"])
    body, rows = form_document(document, visit.form)
    who = visit.visitor
    with written_file(body) as path:
        findings = reviewed(visit.home.settings, path)
        if findings:
            page = _edited(visit, PolicyDocument(body), rows)
            return {**page, "findings": findings, "differences": []}
        version = register(
            visit.home.settings,
            path,
            who.by,
            reason=visit.reason,
            registry=visit.home.registering("policy", who.credential),
        )
    return GoTo(f"/policies/{version.label}", done="registered")


def register_graph(visit: Visit) -> GoTo | dict[str, Any]:
    """Register the graph as a new candidate; the graph again where the checks find something."""
    answer = register_draft(visit)
    return answer if isinstance(answer, GoTo) else _as_graph(answer)


def _as_graph(page: dict[str, Any]) -> dict[str, Any]:
    decision = page["policy"].document["decision"]
    return {**page, "decision": msgspec.json.encode(decision).decode()}


def _edited(
    visit: Visit, document: PolicyDocument, rows: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, Any]:
    return {
        "label": visit.path["policy"],
        "policy": document,
        "rows": rows,
        "findings": None,
        "differences": None,
        **request_fields(visit.form),
    }


PAGES = (
    shown("/policies/{policy}/edit", edit, "policy_edit.html", "Policies"),
    tried("/policies/{policy}/edit", draft, "policy_edit.html", "Policies"),
    shown("/policies/{policy}/graph", graph, "policy_graph.html", "Policies", island=True),
    tried("/policies/{policy}/graph", graph_draft, "policy_graph.html", "Policies", island=True),
    written("/policies/{policy}/register", register_draft, "Policies", template="policy_edit.html"),
    written(
        "/policies/{policy}/graph/register",
        register_graph,
        "Policies",
        template="policy_graph.html",
        island=True,
    ),
)
