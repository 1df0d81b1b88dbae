"""The workflow of a home, opened: its statechart, its owners, its leads."""

from config.settings import Settings
from jobs.workflow.files import load_charts, load_roster
from wiring.clock import moment_of
from wiring.workflow import open_workflow
from workflow.chart.statechart import Statechart
from workflow.outbox.enqueue import enqueue
from workflow.store.lead_store import LeadStore


def open_leads(settings: Settings, chart: Statechart | None = None) -> LeadStore:
    """The leads of a home, by the workflows in force and its owners.

    Raises BadConfiguration where a file cannot be read, Unavailable.
    """
    charts = load_charts(settings) if chart is None else chart
    roster = load_roster(settings)
    return LeadStore(open_workflow(settings), charts, enqueue, roster)


def home_now_us(settings: Settings) -> int:
    """The present of a home, by its own clock; microseconds since 1970."""
    return moment_of(settings)()
