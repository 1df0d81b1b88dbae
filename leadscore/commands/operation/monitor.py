"""Commands that report on what was decided."""

from pathlib import Path
from typing import Annotated

import typer

from config.extras import require
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json

monitor = group("What became of recent scores.")


@monitor.command("report")
def monitor_report(
    out: Annotated[Path | None, typer.Option(help="A folder; else `reports` in the home.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="A past moment, such as 2026-03-01T00:00:00Z: what was known then."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Drift, calibration and lift of recent scores against the champion's reference."""
    require("monitor")
    from config.settings import load_settings, quiet_libraries
    from jobs.models.monitor import write_report
    from leadscore.terminal.lookup import moment

    quiet_libraries()
    settings = load_settings()
    folder = out or settings.home / "reports"
    summary = write_report(settings, folder, None if as_of is None else moment(as_of))
    if as_json:
        put_json(summary)
        return
    put(f"{folder / 'report.html'} to look at, {folder / 'report.json'} to act on")
    put(summary.verdict)
    for cause in summary.causes:
        put(f"{cause.kind}, {cause.action}: {cause.text}")
