"""A backtest beside a policy, and beside one that is being edited: recorded decisions replayed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from console.charts.bars import IntervalRow, interval_chart
from console.frame.page import Visit
from console.frame.parameters import Parameters
from jobs.decisions.newest_decisions import since_of_newest
from wiring.decisions import in_force

if TYPE_CHECKING:
    from monitoring.backtest.backtest import Backtest

NEWEST, MOST = 20_000, 300_000
"""Decisions that are replayed: unless said otherwise, and at most; some 10,000 a second."""
AGAINST = ("decided", "in force")
SHOWN = 30
"""Rows of a table."""


def backtested(visit: Visit, candidate: str) -> dict[str, Any]:
    """What a page shows of a backtest of a policy, by its label or file, as the form asks for it.

    Raises BadInput, Missing where nothing is recorded.
    """
    from jobs.decisions.backtest import BacktestRequest, backtest, capacities

    settings, form = visit.home.settings, visit.form
    label, path = in_force(settings)
    newest = int(form.number("newest", 1, MOST, NEWEST))
    against = form.choice("against", AGAINST, "decided")
    request = BacktestRequest(
        now=candidate,
        was="decided" if against == "decided" else label or str(path),
        capacity=capacities(form.text("capacity").replace(",", " ").split()),
        since_us=since_of_newest(visit.home.trail, newest),
    )
    result = backtest(settings, request)
    return {"backtest": result, "value_chart": _value_chart(result), "shown": SHOWN}


def request_fields(form: Parameters) -> dict[str, Any]:
    """The fields of the form that asks for one, as they are filled in."""
    fields = {name: form.text(name) for name in ("against", "newest", "capacity")}
    return {"backtest": None, "backtest_form": fields, "newest": NEWEST, "most": MOST}


def of_draft(visit: Visit, path: Path) -> dict[str, Any]:
    """The same of a draft's file, where the form asks for it."""
    return backtested(visit, str(path)) if visit.form.flag("backtest") else {}


def _value_chart(result: "Backtest") -> Markup | str:
    """Conversions per lead before and under the candidate, by method."""
    rows = [
        IntervalRow(f"{name}, {words}", interval, marked)
        for one in result.value.estimates
        for name, words, interval, marked in (
            (one.method, "before", one.was, False),
            (one.method, "candidate", one.now, True),
        )
    ]
    if not rows:
        return ""
    description = "; ".join(f"{row.name}: {row.interval}" for row in rows)
    return interval_chart("Conversions per lead, with bounds", description, rows)
