"""Commands about canary comparisons: make one, or say beforehand what it takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.extras import require
from domain.errors import BadInput, Refused
from leadscore.terminal.lookup import moment
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json

if TYPE_CHECKING:
    from monitoring.canary import CanaryVerdict

canary = group("Champion against challenger.")
Champion = Annotated[str | None, typer.Option(help="A version; else the champion.")]
Challenger = Annotated[str | None, typer.Option(help="A version; else the challenger.")]


@canary.command("compare")
def compare(
    champion: Champion = None,
    challenger: Challenger = None,
    horizon_days: Annotated[
        float | None,
        typer.Option(help="Rank both on outcomes within so many days; else what both learnt."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A data set of `leadscore dataset`; else recorded decisions."),
    ] = None,
    include_training: Annotated[
        bool,
        typer.Option("--include-training", help="Of --data: rows that versions learnt from too."),
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Decisions and outcomes until then, RFC 3339."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a Markdown report.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions on matured outcomes; exit 1 unless the challenger passes."""
    require("monitor")
    from config.settings import load_settings, quiet_libraries
    from monitoring.canary_report import to_junit, to_markdown

    if data is not None and as_of is not None:
        raise BadInput(
            "a data set is frozen already",
            rule="canary-as-of",
            where="--as-of",
            todo="Leave out --data or --as-of.",
        )
    if include_training and data is None:
        raise BadInput("it is of a data set", rule="canary-data", where="--include-training")
    quiet_libraries()
    settings = load_settings()
    if data is not None:
        from jobs.models.compare_on_dataset import compare_on_dataset

        verdict = compare_on_dataset(
            settings,
            data,
            champion,
            challenger,
            horizon_days,
            include_training=include_training,
        )
    else:
        from jobs.models.canary import compare_versions
        from jobs.models.canary_record import keep_verdict

        until = None if as_of is None else moment(as_of)
        verdict = compare_versions(settings, champion, challenger, horizon_days, until)
        if until is None and horizon_days is None:
            keep_verdict(settings, verdict)
    for path, text in ((report, to_markdown(verdict)), (junit, to_junit(verdict))):
        if path is not None:
            path.write_text(text, encoding="utf-8")
    if as_json:
        put_json(verdict)
    else:
        put(to_markdown(verdict))
    _refuse_unless_passed(verdict)


def _refuse_unless_passed(verdict: "CanaryVerdict") -> None:
    if not verdict.passed:
        raise Refused(f"the verdict is {verdict.outcome}", rule="canary-verdict")


@canary.command("plan")
def plan(
    difference: Annotated[
        str,
        typer.Option(help="A Brier score, as 0.005, or a share of the champion's skill, as 20%."),
    ],
    power: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="The share of comparisons that must decide.")
    ] = 0.8,
    champion: Champion = None,
    challenger: Challenger = None,
    a_day: Annotated[
        float | None,
        typer.Option("--decisions-a-day", min=0.01, help="As planned; else as recorded."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how many decisions and days it takes to tell a difference, with this home's traffic."""
    require("monitor")
    from config.settings import load_settings, quiet_libraries
    from jobs.models.plan_canary import PlanRequest, plan_canary
    from monitoring.canary_report import plan_markdown

    quiet_libraries()
    request = PlanRequest(difference, power, champion, challenger, a_day)
    planned = plan_canary(load_settings(), request)
    put_json(planned) if as_json else put(plan_markdown(planned))
