"""What routing is worth: its lift, who gains by being worked, whether scores feed on themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from markupsafe import Markup

from console.charts.bars import IntervalRow, interval_chart
from console.charts.line import LinePoint, line_chart
from console.frame.page import Visit, shown, tried
from jobs.decisions.newest_decisions import since_of_newest

if TYPE_CHECKING:
    from monitoring.value.value_report import Uplift, ValueReport

NEWEST, MOST = 20_000, 100_000
"""Decisions that are read for a report on the page: unless said otherwise, and at most."""
FILE = Path("reports") / "value.json"
MOST_RULES = 30


def value(visit: Visit) -> dict[str, Any]:
    """The newest report that was written, by the command or the loop; None before the first."""
    from monitoring.value.value_report import ValueReport

    path = visit.home.settings.home / FILE
    report = None
    if path.is_file():
        try:
            report = msgspec.json.decode(path.read_bytes(), type=ValueReport)
        except msgspec.DecodeError:  # of another version of the product
            report = None
    return _page(visit, report)


def look_at_value(visit: Visit) -> dict[str, Any]:
    """The report of the newest decisions, worked out now. Raises NoModel, Missing, BadInput."""
    from jobs.decisions.value_report import WORKED, ValueRequest, value_report

    newest = int(visit.form.number("newest", 1, MOST, NEWEST))
    actions = tuple(visit.form.text("actions").replace(",", " ").split()) or WORKED
    since_us = since_of_newest(visit.home.trail, newest)
    request = ValueRequest(actions=actions, since_us=since_us)
    return _page(visit, value_report(visit.home.settings, request))


def _page(visit: Visit, report: "ValueReport | None") -> dict[str, Any]:
    return {
        "report": report,
        "lift_chart": "" if report is None else _lift_chart(report),
        "gain_chart": "" if report is None else _gain_chart(report.uplift),
        "fields": {name: visit.form.text(name) for name in ("newest", "actions")},
        "newest": NEWEST,
        "most": MOST,
        "most_rules": MOST_RULES,
    }


def _lift_chart(report: "ValueReport") -> Markup | str:
    """The lift of all leads and by grade, with bounds."""
    rows = [
        IntervalRow(one.name if one.by == "grade" else "all leads", one.lift, one.by == "all")
        for one in report.lifts
        if one.by in ("all", "grade") and one.lift is not None
    ]
    if not rows:
        return ""
    description = "; ".join(f"{row.name}: {row.interval}" for row in rows)
    return interval_chart("Lift of routing, conversions per lead", description, rows)


def _gain_chart(uplift: "Uplift") -> Markup | str:
    """The Qini curve: conversions gained per lead, by the share worked first."""
    points = [
        LinePoint(100 * share, gain, text=f"{share:.0%}: {gain:+.4f}")
        for share, gain in zip(uplift.targeted, uplift.gained, strict=True)
    ]
    if not points:
        return ""
    return line_chart(
        "Qini curve",
        "Conversions gained per lead when the leads with the largest predicted gain are worked "
        f"first; all of them: {uplift.gained[-1]:+.4f}.",
        points,
        x_label=lambda share: f"{share:.0f}% worked",
        y_label=lambda gain: f"{gain:+.3f}",
    )


PAGES = (
    shown("/value", value, "value.html", "Value"),
    tried("/value/look", look_at_value, "value.html", "Value"),
)
