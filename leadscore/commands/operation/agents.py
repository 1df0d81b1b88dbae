"""Commands about agents: let them look at leads, and read what they saw, proposed and did."""

from typing import Annotated

import typer

from domain.clock import iso
from domain.errors import BadInput
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put_json, put_table, say

agents = group("Agents: they look at leads and propose; a gate or a person decides.")


@agents.command("run")
def run(
    role: Annotated[
        str | None,
        typer.Option(help="collector, evaluator, router, explainer or steward; all without."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let agents look at leads that are new to them, then end; so does `leadscore operate`."""
    from config.settings import load_settings, quiet_libraries
    from jobs.agents.run_agents import run_agents
    from workflow.agents.contract import ROLES

    only = next((one for one in ROLES if one == role), None)
    if role is not None and only is None:
        raise BadInput(
            "there is no such role",
            rule="agent-role",
            where="--role",
            todo=f"One of {', '.join(ROLES)}.",
        )
    quiet_libraries()
    counts = run_agents(load_settings(), only)
    if as_json:
        put_json(counts)
        return
    put_table(
        ["role", "leads", "done", "wait", "refused", "noted", "failed"],
        [[c.role, c.looked, c.done, c.waits, c.refused, c.noted, c.failed] for c in counts],
    )
    if not counts:
        say("agents.yaml of the home names none: docs/agents.md says how")


@agents.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Entries before this number.")] = None,
    as_json: AsJson = False,
) -> None:
    """What agents looked at, proposed and did, the newest first; `--json` has what they saw."""
    from config.settings import load_settings
    from jobs.agents.run_agents import agent_runs

    entries = agent_runs(load_settings(), limit, before)
    if as_json:
        put_json(entries)
        return
    put_table(
        ["number", "at", "role", "by", "lead", "verdicts", "leads to"],
        [
            [
                entry.sequence,
                iso(entry.at_us)[:19],
                entry.document["task"]["role"],
                entry.by,
                entry.document["lead_id"],
                ", ".join(f"{v} [{rule}]" for v, rule in entry.document["verdicts"])
                or entry.document["failure"],
                ", ".join(entry.document["leads_to"]),
            ]
            for entry in entries
        ],
    )
