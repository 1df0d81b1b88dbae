"""Leads: ranked, filtered, searched; accounts with their people."""

from typing import Any

from console.charts.bars import share_bar
from console.frame.page import GoTo, Visit, shown, tried
from jobs.decisions.ranked_accounts import ranked_accounts
from jobs.leads.lead_lookup import find
from wiring.ranking import RankingFilters, ranked_leads

PAGE = 50
"""Leads of one page."""
GRADES = ("A", "B", "C", "D")
STATUSES = ("open", "decided", "all")


def leads(visit: Visit) -> dict[str, Any]:
    """A page of leads by the score of their newest decision."""
    query = visit.query
    eligible = query.choice("eligible", ("", "yes", "no"))
    filters = RankingFilters(
        grade=query.choice("grade", ("", *GRADES)) or None,
        queue=query.optional("queue"),
        min_score=query.number("least", 0, 100, 0) / 100 or None,
        eligible=None if not eligible else eligible == "yes",
    )
    status = query.choice("status", STATUSES, "open")
    home = visit.home
    rows, cursor = ranked_leads(
        home.trail,
        home.plane.directory,
        filters,
        limit=PAGE,
        cursor=query.optional("after"),
        status=status,
    )
    wanted = {name: query.text(name) for name in ("grade", "queue", "least", "eligible", "status")}
    return {
        "rows": rows,
        "cursor": cursor,
        "wanted": wanted,
        "filtered": any(wanted.values()),
        "later": "after" in query,
        "grades": GRADES,
        "statuses": STATUSES,
        "share_bar": share_bar,
        "queues": sorted({row.answer.decision.queue for row in rows}),
    }


def find_lead(visit: Visit) -> GoTo:
    """To the lead that a text means: an id, or kind:value. The text stays out of addresses."""
    lead = find(visit.home.plane.directory, visit.form.needed("key"))
    return GoTo(f"/leads/{lead.lead_id}")


def accounts(visit: Visit) -> dict[str, Any]:
    """A page of accounts by the score of their best lead."""
    rows, cursor = ranked_accounts(visit.home.trail, PAGE, visit.query.optional("after"))
    return {"rows": rows, "cursor": cursor, "later": "after" in visit.query, "share_bar": share_bar}


def account(visit: Visit) -> dict[str, Any]:
    """One account's people, by the score of their newest decision."""
    name, home = visit.path["account"], visit.home
    rows, cursor = ranked_leads(
        home.trail,
        home.plane.directory,
        RankingFilters(),
        limit=PAGE,
        cursor=visit.query.optional("after"),
        status="all",
        account=name,
    )
    return {
        "account": name,
        "rows": rows,
        "cursor": cursor,
        "later": "after" in visit.query,
        "share_bar": share_bar,
        "standing": home.trail.standings([name]).get(name),
    }


PAGES = (
    shown("/leads", leads, "leads.html", "Leads"),
    tried("/leads/find", find_lead, "", "Leads"),
    shown("/accounts", accounts, "accounts.html", "Leads"),
    shown("/accounts/{account}", account, "account.html", "Leads"),
)
