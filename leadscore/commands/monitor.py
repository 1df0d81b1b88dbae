"""Commands that judge what was decided: canary comparisons and monitoring reports."""

from pathlib import Path
from typing import Annotated

import typer

from domain.errors import Refused
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json

canary = group("Champion against challenger.")
monitor = group("What became of recent scores.")


@canary.command("compare")
def compare(
    champion: Annotated[str | None, typer.Option(help="A version; else the champion.")] = None,
    challenger: Annotated[str | None, typer.Option(help="A version; else the challenger.")] = None,
    horizon_days: Annotated[
        float | None,
        typer.Option(help="Rank both on outcomes within so many days; else what both learnt."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a Markdown report.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions on matured outcomes; exit 1 unless the challenger passes."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.monitor import compare_versions
    from monitoring.canary_report import to_junit, to_markdown

    quiet_libraries()
    verdict = compare_versions(load_settings(), champion, challenger, horizon_days)
    for path, text in ((report, to_markdown(verdict)), (junit, to_junit(verdict))):
        if path is not None:
            path.write_text(text)
    if as_json:
        put_json(verdict)
    else:
        put(to_markdown(verdict))
    if not verdict.passed:
        raise Refused(f"the verdict is {verdict.outcome}", rule="canary-verdict")


@monitor.command("report")
def monitor_report(
    out: Annotated[Path | None, typer.Option(help="A folder; else `reports` in the home.")] = None,
    as_json: AsJson = False,
) -> None:
    """Drift, calibration and lift of recent scores against the champion's reference."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.monitor import write_report

    quiet_libraries()
    settings = load_settings()
    folder = out or settings.home / "reports"
    summary = write_report(settings, folder)
    if as_json:
        put_json(summary)
        return
    put(f"{folder / 'report.html'} to look at, {folder / 'report.json'} to act on")
