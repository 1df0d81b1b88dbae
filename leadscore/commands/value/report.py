"""The command that says what routing is worth."""

from pathlib import Path
from typing import Annotated

import typer

from leadscore.terminal.lookup import moment
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json
from leadscore.terminal.pages import show_page

value = group("What decisions are worth.")


@value.command("report")
def report(
    worked: Annotated[
        list[str] | None, typer.Option(help="An action that counts as being worked; else contact.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Decisions made at this moment or later, in UTC.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where value.md, .json and .html go; else `reports` in the home."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lift of routing, who gains by being worked; exit 1 where scores feed on themselves."""
    from config.settings import load_settings, quiet_libraries
    from domain.errors import Refused
    from jobs.decisions.value_report import ValueRequest, value_report, write_value_report
    from monitoring.value.value_page import value_document

    quiet_libraries()
    settings = load_settings()
    request = ValueRequest(
        actions=tuple(dict.fromkeys(worked or ("contact",))),
        since_us=None if since is None else moment(since, "--since"),
    )
    result = value_report(settings, request)
    page = write_value_report(result, out or settings.home / "reports")
    if as_json:
        put_json(result)
    else:
        put(value_document(result).markdown())
        show_page("page", page)
    if result.feeding.alarm:
        raise Refused(
            "scores feed on themselves: being worked raises them beyond conversions",
            rule="self-feeding",
            todo="Mark the signals that our own actions cause, and train anew: docs/value.md.",
        )
