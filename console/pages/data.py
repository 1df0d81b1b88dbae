"""Data: what came in, quarantine, contracts, quality, freshness."""

from typing import Any

from console.charts.bars import share_bar
from console.frame.page import GoTo, Visit, shown, tried, written
from domain.clock import DAY, iso
from domain.errors import Missing
from jobs.signals.log_overview import events_by_day, log_overview
from jobs.signals.quality_report import findings, usual
from jobs.signals.record_changes import SignalChange, record_replay
from signals.store import quarantine

MOST = 100
"""Quarantined documents of a page, the newest."""
DAYS = 14
MOST_FINDINGS = 40
SHOWN_BYTES = 20_000
"""Of a quarantined document."""


def data(visit: Visit) -> dict[str, Any]:
    """Totals, feeds, findings."""
    home = visit.home
    return {
        "overview": log_overview(home.plane),
        "feeds": usual(home.settings),
        "findings": findings(home.settings)[:MOST_FINDINGS],
        "days": None,
        "share_bar": share_bar,
        "day_count": DAYS,
    }


def count_days(visit: Visit) -> dict[str, Any]:
    """The same, with what became known on each of the last days."""
    page = data(visit)
    last = page["overview"].watermark_us // DAY
    names = [iso((last - back) * DAY)[5:10] for back in reversed(range(DAYS))]
    return {**page, "days": events_by_day(visit.home.plane, DAYS), "day_names": names}


def quarantined(visit: Visit) -> dict[str, Any]:
    """What is in quarantine, newest first, of one rule or of all."""
    engine, rule = visit.home.plane.engine, visit.query.optional("rule")
    return {
        "rule": rule,
        "rows": quarantine.listed(engine, rule, MOST),
        "by_rule": quarantine.by_rule(engine),
        "most": MOST,
    }


def document(visit: Visit) -> dict[str, Any]:
    """One quarantined document as it came: it may hold personal data."""
    name = visit.path["document"]
    body = quarantine.body_of(visit.home.plane.engine, name)
    text = body[:SHOWN_BYTES].decode(errors="backslashreplace")
    return {"name": name, "text": text, "cut": len(body) > SHOWN_BYTES}


def replay(visit: Visit) -> GoTo:
    """Try all of quarantine again."""
    who = visit.visitor
    change = SignalChange(who.by, visit.reason, who.credential)
    record_replay(visit.home.settings, visit.home.plane, change)
    return GoTo("/data/quarantine", done="replayed")


def contracts(visit: Visit) -> dict[str, Any]:
    """The event types that are accepted."""
    known = visit.home.contracts.contracts
    return {"contracts": [known[name] for name in sorted(known)]}


def contract(visit: Visit) -> dict[str, Any]:
    """The newest contract of one type."""
    newest = visit.home.contracts.contracts.get(visit.path["type"])
    if newest is None:
        raise Missing("no contract is of this type", rule="contract-known")
    return {"contract": newest, "versions": visit.home.contracts.versions[newest.name]}


PAGES = (
    shown("/data", data, "data.html", "Data"),
    tried("/data/days", count_days, "data.html", "Data"),
    shown("/data/quarantine", quarantined, "quarantine.html", "Data"),
    written("/data/quarantine/replay", replay, "Data", "ingest"),
    shown("/data/quarantine/{document}", document, "document.html", "Data", "admin"),
    shown("/data/contracts", contracts, "contracts.html", "Data"),
    shown("/data/contracts/{type}", contract, "contract.html", "Data"),
)
