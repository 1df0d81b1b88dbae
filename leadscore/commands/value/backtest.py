"""The command that replays recorded decisions under another policy."""

from pathlib import Path
from typing import Annotated

import typer

from leadscore.terminal.lookup import moment
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json
from leadscore.terminal.pages import show_page


def backtest(
    one: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="The candidate; before another policy: the one that it is compared with.",
        ),
    ],
    other: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="The candidate, where A is what to compare with."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Tell moves apart by grade, queue, action, model, account_known, an attribute "
            "or feature that a policy looks at, or a name that B's expressions set, as region."
        ),
    ] = None,
    capacity: Annotated[
        list[str] | None,
        typer.Option(help="Leads a day that a queue can take, QUEUE=LEADS; else as declared."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Decisions made at this moment or later, in UTC.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Decisions made before this moment, in UTC.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where backtest.md, .json and .html go; else `reports` in the home."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded decisions under a policy: who moves, each queue's workload, its value.

    One policy is compared with what was decided, two with each other: A before, B after. A
    policy is a file, a registered version, or one that comes along; `decided` is what was decided.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.backtest import BacktestRequest, capacities, write_backtest
    from jobs.decisions.backtest import backtest as run
    from monitoring.backtest.backtest_page import backtest_document

    quiet_libraries()
    settings = load_settings()
    was, now = ("decided", one) if other is None else (one, other)
    request = BacktestRequest(
        now=now,
        was=was,
        by=tuple(dict.fromkeys(by or ("grade", "queue"))),
        capacity=capacities(capacity or ()),
        since_us=None if since is None else moment(since, "--since"),
        until_us=None if until is None else moment(until, "--until"),
    )
    result = run(settings, request)
    page = write_backtest(result, out or settings.home / "reports")
    if as_json:
        put_json(result)
        return
    put(backtest_document(result).markdown())
    show_page("page", page)
