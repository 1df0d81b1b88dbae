"""Commands about assistants: their tools on standard streams, what they asked and proposed."""

from typing import Annotated

import typer

from config.extras import require
from leadscore.terminal.options import AsJson, By, Reason, group
from leadscore.terminal.output import put, put_json, put_table

proposals = group("Proposals of assistants, which wait for a person.")
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `proposals list` has it.")]
DEFAULT_SCOPES = ("read", "score")


def mcp(
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, score, propose, personal; repeatable. read and score without."),
    ] = None,
) -> None:
    """Offer the tools for assistants on standard streams (Model Context Protocol)."""
    require("mcp")
    from config.settings import load_settings, quiet_libraries
    from telemetry.logs import configure_logs

    quiet_libraries()
    settings = load_settings()
    configure_logs(settings.logs)
    from serving.mcp.stdio import serve_stdio

    serve_stdio(settings, scope or DEFAULT_SCOPES)


@proposals.command("list")
def list_proposals(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50, as_json: AsJson = False
) -> None:
    """Proposals that wait, the newest first."""
    from config.settings import load_settings
    from domain.clock import iso
    from jobs.assistants.journal import open_journal

    entries = open_journal(load_settings()).pending(limit)
    if as_json:
        put_json(entries)
        return
    put_table(
        ["number", "at", "what", "proposed by", "why"],
        [[e.sequence, iso(e.at_us)[:16], e.tool, e.caller, e.reason] for e in entries],
    )


@proposals.command("show")
def show(number: Number) -> None:
    """One proposal that waits, whole, as JSON."""
    from config.settings import load_settings
    from jobs.assistants.journal import open_journal

    put_json(open_journal(load_settings()).proposal(number))


@proposals.command("accept")
def accept(number: Number, reason: Reason, by: By = "") -> None:
    """Do what is proposed, under your name: register the policy, take the outcome in."""
    from config.settings import load_settings, quiet_libraries
    from jobs.assistants.journal import open_journal
    from jobs.assistants.resolutions import accept as run
    from leadscore.commands.models import user

    quiet_libraries()
    settings = load_settings()
    put(run(settings, open_journal(settings), number, by=by or user(), reason=reason))


@proposals.command("refuse")
def refuse(number: Number, reason: Reason, by: By = "") -> None:
    """Refuse a proposal; it stays in the journal with your reason."""
    from config.settings import load_settings
    from jobs.assistants.journal import open_journal
    from jobs.assistants.resolutions import refuse as run
    from leadscore.commands.models import user

    run(open_journal(load_settings()), number, by=by or user(), reason=reason)
    put(f"proposal {number} is refused")


def calls(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Entries before this number.")] = None,
    as_json: AsJson = False,
) -> None:
    """What assistants called, proposed, and what became of it, the newest first."""
    from config.settings import load_settings
    from domain.clock import iso
    from jobs.assistants.journal import open_journal

    entries = open_journal(load_settings()).entries(limit, before)
    if as_json:
        put_json(entries)
        return
    put_table(
        ["number", "at", "kind", "by", "tool", "outcome", "took"],
        [
            [e.sequence, iso(e.at_us)[:19], e.kind, e.caller, e.tool, e.outcome, _took(e.took_us)]
            for e in entries
        ],
    )


def _took(took_us: int) -> str:
    return f"{took_us / 1000:.0f} ms"
