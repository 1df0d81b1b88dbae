"""Commands about alarms and objectives: what is open, who hears of it, what is left of budgets."""

from typing import Annotated

import typer

from config.extras import require
from domain.clock import iso
from domain.errors import Missing, Refused, Unavailable
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say

alerts = group("Alarms: which are open, and who hears of them.")


@alerts.command("list")
def list_alarms(as_json: AsJson = False) -> None:
    """The alarms that are open, and the channels that messages wait for."""
    from config.settings import load_settings
    from jobs.alerts.alarms import status
    from jobs.alerts.rules import load_alerts
    from monitoring.alarms.alarm import runbook

    settings = load_settings()
    state, base = status(settings), load_alerts(settings).runbooks
    if as_json:
        put_json(state)
        return
    put_table(
        ["alarm", "about", "severity", "since", "evidence", "run book"],
        [
            [
                alarm.kind,
                alarm.subject,
                alarm.severity,
                iso(alarm.opened_us),
                "; ".join(alarm.evidence),
                runbook(alarm.kind, base),
            ]
            for alarm in state.alarms
        ],
    )
    for channel in state.channels:
        again = f", tried again after {iso(channel.next_us)}" if channel.failures else ""
        say(
            f"channel {channel.channel}: {channel.waiting} waiting{again} {channel.reason}".rstrip()
        )
    if state.looked_us is None:
        say("nobody has looked yet: `leadscore alerts send` does")


@alerts.command("test")
def test(channel: Annotated[str, typer.Argument(help="As alerts.yaml names it.")]) -> None:
    """Send a channel a message that says that it is a trial."""
    require("monitor")
    from config.settings import load_settings
    from jobs.alerts.delivery import try_channel
    from jobs.alerts.rules import load_alerts
    from storage.nearest_names import nearest

    rules = load_alerts(load_settings())
    if channel not in rules.channels:
        todo = f"{nearest(channel, rules.channels)} alerts.yaml names them."
        raise Missing("there is no such channel", rule="alert-channel", todo=todo)
    if not try_channel(rules, channel):
        raise Unavailable(
            f"channel {channel} did not take the message",
            rule="alert-delivered",
            todo="See that its address is right, and that this machine reaches it.",
        )
    put(f"channel {channel} took the message")


@alerts.command("send")
def send(as_json: AsJson = False) -> None:
    """Look for alarms now, and tell those who are to hear of them; exit 1 where one got nothing."""
    require("monitor")
    from config.settings import load_settings, quiet_libraries
    from jobs.alerts.alarms import alarms

    quiet_libraries()
    result = alarms(load_settings())
    if as_json:
        put_json(result)
    else:
        put(f"{len(result.open)} open, {len(result.opened)} of them new; {len(result.ended)} ended")
        for name in result.opened:
            put(f"new: {name}")
        for name in result.ended:
            put(f"ended: {name}")
        for delivery in result.deliveries:
            put(f"channel {delivery.channel}: {delivery.sent} sent {delivery.reason}".rstrip())
    for name in result.blind:
        say(f"could not look: {name}")
    failed = [delivery.channel for delivery in result.deliveries if delivery.reason]
    if failed:
        what = f"not everything could be delivered: {', '.join(failed)}"
        raise Refused(what, rule="alert-delivered", todo="It waits, and is tried again.")


def slo(as_json: AsJson = False) -> None:
    """Objectives, and what is left of each error budget; exit 1 where one is broken."""
    from config.settings import load_settings, quiet_libraries
    from jobs.alerts.objectives import objectives_status

    quiet_libraries()
    rows = objectives_status(load_settings())
    if as_json:
        put_json(rows)
    else:
        put_table(
            ["objective", "target", "measured", "budget left", "state", "by", "note"],
            [
                [
                    row.objective,
                    f"{row.target:g}",
                    "unknown" if row.measured is None else f"{row.measured:.4g}",
                    "unknown" if row.budget_left is None else f"{row.budget_left:.1%}",
                    row.state,
                    row.source,
                    row.note,
                ]
                for row in rows
            ],
        )
    broken = [row.objective for row in rows if row.state == "broken"]
    if broken:
        raise Refused(f"{', '.join(broken)}: broken", rule="objective-met")
