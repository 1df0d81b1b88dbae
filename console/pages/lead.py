"""One lead: score over time, reasons, signals, who it is, what was decided, what if."""

from collections.abc import Mapping, Sequence
from typing import Any

from console.charts.bars import pull_bar
from console.charts.line import Level, LinePoint, line_chart
from console.charts.network import NetworkNode, network_chart
from console.frame.formats import moment, percent
from console.frame.page import GoTo, Visit, shown, tried, written
from console.pages.lead_overrides import overrides_shown
from console.pages.sliders import sliders_of, wanted_changes
from domain.clock import iso
from domain.decisions import DecisionRecord
from domain.errors import BadInput, LeadscoreError
from domain.identifiers import kind_of
from domain.ports import LeadRef
from domain.what_if import WhatIf, WhatIfRequest
from jobs.decisions.history import decisions_about
from jobs.leads.lead_identity import identity_document
from jobs.leads.lead_timeline import lead_timeline
from jobs.signals.record_changes import SignalChange, record_split

MOST_DECISIONS = 200
MOST_SIGNALS = 200


def lead(visit: Visit) -> dict[str, Any] | GoTo:
    """The lead of an id; a former id leads to the one that it has now."""
    ref = visit.home.plane.directory.resolve(visit.path["lead"])
    if ref.lead_id != visit.path["lead"]:
        return GoTo(f"/leads/{ref.lead_id}")
    return _lead(visit, ref)


def what_if(visit: Visit) -> dict[str, Any]:
    """The lead as it would be with some features otherwise; nothing is decided or recorded."""
    ref = visit.home.plane.directory.resolve(visit.path["lead"])
    page = _lead(visit, ref)
    changes = wanted_changes(page["sliders"], visit.form)
    if not changes:
        raise BadInput(
            "no feature was changed", rule="what-if-changes", todo="Move a slider, then ask again."
        )
    answer = visit.home.what_if(WhatIfRequest(lead_id=ref.lead_id, changes=changes))
    kept = {name: visit.form.text(name) for name in visit.form.names}
    return {**page, "answer": answer, "sliders": [s.at(kept) for s in page["sliders"]]}


def split(visit: Visit) -> GoTo:
    """Set identifiers of a lead apart from its others, for good."""
    ref = visit.home.plane.directory.resolve(visit.path["lead"])
    record_split(
        visit.home.settings,
        visit.home.plane,
        ref,
        visit.form.all("apart"),
        SignalChange(visit.visitor.by, visit.reason, visit.visitor.credential),
    )
    return GoTo(f"/leads/{ref.lead_id}", done="split")


def _lead(visit: Visit, ref: LeadRef) -> dict[str, Any]:
    home = visit.home
    records = decisions_about(home.trail, home.plane.directory, ref, MOST_DECISIONS)
    newest = records[-1] if records else None
    document = identity_document(home.settings, home.plane, ref)
    answer: WhatIf | None = None
    return {
        "lead": ref,
        "newest": newest,
        "records": records[::-1],
        "chart": _chart(visit, records),
        "rules": {} if newest is None else _rules(visit, newest),
        "pull_bar": pull_bar,
        "largest": max((abs(r.contribution) for r in newest.answer.reasons), default=1.0)
        if newest
        else 1.0,
        "signals": lead_timeline(home.plane, home.contracts, ref, MOST_SIGNALS),
        "most_signals": MOST_SIGNALS,
        "identity": document,
        "network": _network(document),
        "sliders": [] if newest is None else sliders_of(home, newest),
        "answer": answer,
        **overrides_shown(visit, ref),
    }


def _chart(visit: Visit, records: Sequence[DecisionRecord]) -> object:
    if not records:
        return ""
    points = [
        LinePoint(
            r.decided_us,
            r.answer.score,
            text=f"{moment(r.decided_us)}: {percent(r.answer.score)}, grade {r.answer.grade}",
        )
        for r in records
    ]
    first, last = records[0], records[-1]
    description = (
        f"{len(records)} decisions from {moment(first.decided_us)} to {moment(last.decided_us)}: "
        f"from {percent(first.answer.score)} to {percent(last.answer.score)}."
    )
    return line_chart(
        "Score over time",
        description,
        points,
        x_label=lambda us: iso(int(us))[:10],
        y_label=lambda share: percent(share, 0),
        levels=_grades(visit, last),
    )


def _grades(visit: Visit, record: DecisionRecord) -> list[Level]:
    """The least scores of the grades around what is drawn: A alone, to be read against."""
    try:
        grades = visit.home.policy(record.answer.versions.policy).grades
    except LeadscoreError:
        return []
    return [Level(grades["A"], f"grade A from {percent(grades['A'], 0)}")]


def _rules(visit: Visit, record: DecisionRecord) -> Mapping[str, str]:
    try:
        return visit.home.policy(record.answer.versions.policy).rules()
    except LeadscoreError:
        return {}


def _network(document: Mapping[str, Any]) -> object:
    names, apart = document["identifiers"], document["kept_apart"]
    nodes = [NetworkNode(one["key"], _named(one)) for one in names]
    nodes += [NetworkNode(one["key"], f"{one['kind']}, apart", apart=True) for one in apart]
    edges = [(one["key"], one["other"]) for one in document["together"]]
    kinds = ", ".join(sorted({kind_of(one["key"]) for one in names}))
    description = (
        f"{len(names)} identifiers of this lead ({kinds}), {len(edges)} pairs of them came on one "
        f"signal; {len(apart)} identifiers of others came along and are kept apart."
    )
    return network_chart("Who this is, and why", description, nodes, edges)


def _named(one: Mapping[str, Any]) -> str:
    return f"{one['kind']} {one['key'][1:5]}" + (" (alone)" if one["rule"] else "")


PAGES = (
    shown("/leads/{lead}", lead, "lead.html", "Leads"),
    tried("/leads/{lead}/what-if", what_if, "lead.html", "Leads", "score"),
    written("/leads/{lead}/split", split, "Leads"),
)
