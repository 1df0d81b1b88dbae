"""The files of a home's workflow: its own, or the ones that come with the product."""

from pathlib import Path

from config.home_files import own_file, rules_file
from config.settings import Settings
from workflow.chart.chart_file import STANDARD_FILE, read_chart
from workflow.chart.statechart import Statechart
from workflow.owners.roster import FILE, NOBODY, Roster, read_roster


def load_chart(settings: Settings) -> Statechart:
    """The statechart of a home. Raises BadConfiguration."""
    return read_chart(rules_file(settings, STANDARD_FILE))


def load_roster(settings: Settings) -> Roster:
    """The owners of a home; nobody where it has no file. Raises BadConfiguration."""
    path = own_file(settings.home, Path(FILE))
    return NOBODY if path is None else read_roster(path)
