"""Monitoring, put together: the audit trail, the log's outcomes and the registry's reference."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import iso, parse_iso, to_us
from domain.errors import Unavailable
from domain.versions.manifest import Stage
from jobs.models.canary import labelled
from monitoring.objectives import STANDARD_FILE as SLO_FILE
from monitoring.objectives import load_objectives
from monitoring.reports.rules import STANDARD_FILE, ReportLimits, load_report_rules
from registry.mlflow_files.report_note import ReportNote
from registry.store import Registry
from wiring.clock import clock_of
from wiring.registry import open_registry
from wiring.signals import open_signals

if TYPE_CHECKING:
    from monitoring.reports.report import WrittenReport
    from monitoring.reports.summary import Summary

REPORTS = "reports"
"""The folder of the home in which reports are, and the workspace of all of them."""

_log = logging.getLogger(__name__)


def write_report(
    settings: Settings, folder: Path, as_of_us: int | None = None, made_us: int | None = None
) -> "Summary":
    """Write the report on the champion's recent decisions. Raises NoModel.

    `as_of_us` takes the decisions made, and the outcomes that happened, until an earlier moment.
    `made_us` is the moment that the report is of, where that is not now: a report that is made
    again takes the place of the former one. The report in the home is added to the workspace, and
    the registry's MLflow says where it is.
    """
    from jobs.models.report_evidence import ReportedVersion, gathered
    from monitoring.reports.report import write_files
    from monitoring.reports.summary import Meta

    registry, plane = open_registry(settings), open_signals(settings)
    label = labelled(registry, None, Stage.CHAMPION)
    version = ReportedVersion(label, *registry.fetch(label), plane, settings)
    now_us = to_us(clock_of(settings, plane.directory).now()) if as_of_us is None else as_of_us
    evidence, context, immature = gathered(version, now_us, as_of_us)
    meta = Meta(
        model=label,
        home=settings.home.name,
        made=iso(made_us or now_us),
        decisions=len(evidence.rows) + immature,
        immature=immature,
    )
    limits = _limits(settings)
    written = write_files(evidence, meta, folder, context, limits)
    if folder == settings.home / REPORTS:
        _keep(registry, folder, written, limits)
    return written.summary


def _limits(settings: Settings) -> ReportLimits:
    objectives = load_objectives(rules_file(settings, SLO_FILE))
    return ReportLimits(
        rules=load_report_rules(rules_file(settings, STANDARD_FILE)),
        calibration_error=objectives.calibration_error,
        degraded=1 - objectives.degraded.target,
    )


def _keep(registry: Registry, folder: Path, written: "WrittenReport", limits: ReportLimits) -> None:
    """Add a report to the workspace, and tell MLflow; a report without MLflow is one, too."""
    from monitoring.reports.workspace import save_snapshot

    summary = written.summary
    saved = save_snapshot(folder, written.snapshot, summary, limits.rules.keep_snapshots)
    note = ReportNote(
        tags={
            "monitoring.verdict": summary.verdict,
            "monitoring.made": summary.meta.made,
            "monitoring.report": f"{REPORTS}/report.html",
            "monitoring.snapshot": f"{REPORTS}/{saved.file}",
            "monitoring.page": saved.page,
        },
        metrics={f"monitoring.{f.name}": f.value for f in summary.figures if f.by == "all"},
        at_us=to_us(parse_iso(summary.meta.made)),
        page=folder / "report.html",
    )
    try:
        registry.annotate(summary.meta.model, note)
    except Unavailable as away:
        _log.warning("the report is written, but MLflow does not link to it: %s", away)
