"""Audit: decisions searched and exported, one from signals to action, replay, verify."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from console.frame.headers import PAGE_HEADERS
from console.frame.page import GoTo, Visit, shown, tried
from console.frame.parameters import Parameters
from console.home import ConsoleHome
from console.pages.changes import ledger_rows
from decisions.audit.search import TrailEntry
from domain.clock import parse_iso, to_us
from domain.decisions import DecisionQuery
from domain.errors import BadInput, LeadscoreError
from domain.identifiers import accounts_named
from jobs.decisions.audit_export import COLUMNS, Namer, row_of
from jobs.leads.lead_lookup import find
from jobs.leads.lead_timeline import lead_timeline

PAGE = 50
NAMES = ("lead", "account", "since", "until", "version", "policy", "grade", "action", "rule")
GRADES = ("A", "B", "C", "D")
MOST_SIGNALS = 100
ROWS = 200
"""Rows of an export that are sent at once."""


def audit(visit: Visit) -> dict[str, Any]:
    """A page of decisions, newest first."""
    page = visit.home.trail.search(
        _query(visit.home, visit.query), PAGE, visit.query.optional("after")
    )
    wanted = {name: visit.query.text(name) for name in NAMES}
    return {
        "rows": [entry.record for entry in page.entries],
        "cursor": page.cursor,
        "later": "after" in visit.query,
        "wanted": wanted,
        "filtered": any(wanted.values()),
        "grades": GRADES,
        "verified": None,
        "changes": ledger_rows(visit.home.models.ledger.entries(), most=10),
    }


def find_decision(visit: Visit) -> GoTo:
    """To the decisions about a lead, by its id or kind:value: the text stays out of addresses."""
    lead = find(visit.home.plane.directory, visit.form.needed("key"))
    return GoTo(f"/audit?lead={lead.lead_id}")


def verify(visit: Visit) -> dict[str, Any]:
    """Every store read whole, against itself, the others and its anchors."""
    from jobs.decisions.verify_home import verify_home

    return {**audit(visit), "verified": verify_home(visit.home.settings)}


def export(visit: Visit) -> Response:
    """All decisions that fit, oldest first, as they are read."""
    form = visit.form
    lines = form.choice("form", ("csv", "jsonl"), "csv") == "jsonl"
    trail, query = visit.home.trail, _query(visit.home, form)
    head = trail.head()
    entries = trail.stream(query, head.sequence) if head else iter(())
    namer = Namer(visit.home.settings)
    kind, suffix = ("application/jsonl", "jsonl") if lines else ("text/csv", "csv")
    named = {"content-disposition": f'attachment; filename="decisions.{suffix}"'}
    body = _json_lines(entries, namer) if lines else _csv(entries, namer)
    return StreamingResponse(body, headers={**PAGE_HEADERS, **named}, media_type=kind)


def decision(visit: Visit) -> dict[str, Any]:
    """One decision, from its signals to its action."""
    home = visit.home
    record = home.trail.get(visit.path["decision"])
    return {
        "record": record,
        "plain": Namer(home.settings).named(record),
        "rules": _rules(home, record.answer.versions.policy),
        "signals": _signals(home, record.answer.lead_id, record.watermark_us),
        "differences": None,
    }


def replay(visit: Visit) -> dict[str, Any]:
    """The same, and what comes out when it is made again from its record."""
    from jobs.decisions.replay_decision import replay as replayed

    differences = replayed(visit.home.settings, visit.path["decision"])
    return {**decision(visit), "differences": differences}


def _query(home: ConsoleHome, wanted: Parameters) -> DecisionQuery:
    """What a form or an address asks for. Raises BadInput, UnknownLead."""
    lead, account = wanted.optional("lead"), wanted.optional("account")
    leads = None
    if lead is not None:
        leads = tuple({lead, str(home.plane.directory.resolve(lead).lead_id)})
    return DecisionQuery(
        leads=leads,
        accounts=None if account is None else tuple(accounts_named(account)),
        since_us=_moment(wanted, "since"),
        until_us=_moment(wanted, "until"),
        version=wanted.optional("version"),
        policy=wanted.optional("policy"),
        grade=wanted.optional("grade"),
        action=wanted.optional("action"),
        rule=wanted.optional("rule"),
    )


def _moment(wanted: Parameters, name: str) -> int | None:
    text = wanted.text(name)
    if not text:
        return None
    try:
        return to_us(parse_iso(text))
    except ValueError as bad:
        todo = "Write it as 2026-03-01 or 2026-03-01T12:00:00Z."
        raise BadInput(f"`{name}` is no moment", rule="rfc-3339", where=name, todo=todo) from bad


def _rules(home: ConsoleHome, policy: str) -> dict[str, str]:
    try:
        return home.policy(policy).rules()
    except LeadscoreError:
        return {}


def _signals(home: ConsoleHome, lead_id: str, watermark_us: int) -> list[Any]:
    """The lead's newest signals that were known when it was decided."""
    try:
        lead = home.plane.directory.resolve(lead_id)
    except LeadscoreError:
        return []
    signals = lead_timeline(home.plane, home.contracts, lead, MOST_SIGNALS)
    return [one for one in signals if to_us(parse_iso(one.known)) <= watermark_us]


def _json_lines(entries: Iterator[TrailEntry], namer: Namer) -> Iterator[bytes]:
    for entry in entries:
        plain = {"sequence": entry.sequence, **namer.named(entry.record)}
        yield msgspec.json.encode(plain) + b"\n"


def _csv(entries: Iterator[TrailEntry], namer: Namer) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS))
    writer.writeheader()
    for place, entry in enumerate(entries, 1):
        writer.writerow(row_of(entry, namer))
        if place % ROWS == 0:
            yield _drained(text)
    yield _drained(text)


def _drained(text: io.StringIO) -> bytes:
    body = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return body


PAGES = (
    shown("/audit", audit, "audit.html", "Audit"),
    tried("/audit/find", find_decision, "", "Audit"),
    tried("/audit/export", export, "", "Audit"),
    tried("/audit/verify", verify, "audit.html", "Audit", "admin"),
    shown("/audit/{decision}", decision, "decision.html", "Audit"),
    tried("/audit/{decision}/replay", replay, "decision.html", "Audit"),
)
