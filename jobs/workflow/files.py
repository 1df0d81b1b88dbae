"""The files of a home's workflow: a registered version, its own file, or what comes along."""

import logging
from pathlib import Path

from config.home_files import own_file, rules_file
from config.settings import Settings
from domain.errors import LeadscoreError
from domain.versions.workflow_manifest import WORKFLOW_FILE, WorkflowManifest
from registry.cache import CachedVersion, Stages, open_version
from wiring.integrity.agreement import standing_stages
from wiring.live_folders import folder_of
from workflow.chart.chart_file import STANDARD_FILE, read_chart
from workflow.chart.statechart import Statechart
from workflow.owners.roster import FILE, NOBODY, Roster, read_roster
from workflow.store.charts import ChartTrial, ChartVersions

_log = logging.getLogger(__name__)


def load_chart(settings: Settings) -> Statechart:
    """The statechart in force: the champion, else the home's file. Raises BadConfiguration."""
    return charts_at(settings, standing_stages(settings, "workflow")).current


def load_charts(settings: Settings) -> ChartVersions:
    """The statechart in force, and the one that is rolled out beside it.

    Raises BadConfiguration, BadInput where a version's files are altered.
    """
    return charts_at(settings, standing_stages(settings, "workflow"))


def charts_at(settings: Settings, stages: Stages | None) -> ChartVersions:
    """The statecharts by who stands where. Raises as `load_charts`."""
    if stages is None or stages.champion is None:
        return ChartVersions(read_chart(rules_file(settings, STANDARD_FILE)))
    current = _read(settings, stages.champion)
    if stages.challenger is None or stages.rollout is None:
        return ChartVersions(current)
    try:
        chart = _read(settings, stages.challenger)
    except (LeadscoreError, OSError) as bad:  # its fault is not the champion's
        _log.warning("the challenger is left out: %s", bad)
        return ChartVersions(current)
    return ChartVersions(current, ChartTrial(chart, stages.rollout))


def load_roster(settings: Settings) -> Roster:
    """The owners of a home; nobody where it has no file. Raises BadConfiguration."""
    path = own_file(settings.home, Path(FILE))
    return NOBODY if path is None else read_roster(path)


def _read(settings: Settings, version: CachedVersion) -> Statechart:
    opened = open_version(folder_of(settings, "workflow"), version, WorkflowManifest)
    return read_chart(opened.folder / WORKFLOW_FILE, opened.label)
