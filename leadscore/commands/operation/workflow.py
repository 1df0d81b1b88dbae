"""Commands of the workflow: leads in it, the proof of its file, a rehearsal, one pass."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.clock import iso
from domain.errors import Refused
from leadscore.commands.operation.workflow_versions import (
    list_versions,
    promote,
    register,
    rollback,
)
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from config.settings import Settings
    from workflow.chart.statechart import Statechart
    from workflow.proof.check import WorkflowFinding

workflow = group("The workflow of leads: who has which lead, until when, and what is next.")
for name, command in (
    ("versions", list_versions),
    ("register", register),
    ("promote", promote),
    ("rollback", rollback),
):
    workflow.command(name)(command)
LeadKey = Annotated[str, typer.Argument(metavar="LEAD", help="A lead id, or kind:value.")]
FileOption = Annotated[
    Path | None, typer.Option("--file", help="A workflow file; else the one in force.")
]


@workflow.command("list")
def list_leads(
    state: Annotated[str, typer.Option(help="Only leads in this state.")] = "",
    owner: Annotated[str, typer.Option(help="Only leads of this owner.")] = "",
    after: Annotated[str, typer.Option(help="Only leads behind this id: the next page.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """How many leads each state and each owner has, and the leads themselves, by id."""
    from jobs.workflow.home import open_leads

    store = open_leads(_settings())
    rows = store.page(limit, state=state, owner=owner, after=after)
    counts, loads = store.counts(), store.loads()
    if as_json:
        put_json({"states": counts, "owners": loads, "leads": rows})
        return
    put_table(["state", "leads"], sorted(counts.items()))
    if loads:
        put()
        put_table(["owner", "leads"], sorted(loads.items()))
    if rows:
        put()
        put_table(
            ["lead", "state", "owner", "due"],
            [[row.lead_id, row.state, row.owner, _moment(row.due_us)] for row in rows],
        )


@workflow.command("show")
def show(
    lead: LeadKey,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many events.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Where a lead stands: its state, owner and timers, what it takes, and what moved it."""
    from jobs.workflow.home import open_leads
    from jobs.workflow.people import standing

    settings = _settings()
    store = open_leads(settings)
    known = store.get(_lead_id(settings, lead))
    stands, rows = standing(store, known), store.history(known.lead_id, limit)
    if as_json:
        put_json({"standing": stands, "history": rows})
        return
    put(f"{stands.lead_id}: {stands.state} since {stands.since}, by {stands.version}")
    put(f"owner: {stands.owner or 'nobody'}, {stands.attempts} assigned so far")
    for event, due in sorted(stands.due.items(), key=lambda item: item[1]):
        put(f"timer: {event} at {due}")
    put(f"people may: {', '.join(stands.actions) or 'nothing'}")
    put_table(
        ["at", "event", "from", "to", "owner", "by", "effects"],
        [
            [
                iso(row.at_us)[:19],
                row.event.name,
                row.from_state,
                row.to_state,
                row.owner,
                row.event.by,
                len(row.effects),
            ]
            for row in rows
        ],
    )


@workflow.command("check")
def check(
    file: FileOption = None,
    svg: Annotated[Path | None, typer.Option(help="Draw the workflow into this file.")] = None,
    mermaid: Annotated[
        Path | None, typer.Option(help="Write the diagram as Mermaid text into this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove a workflow by visiting every configuration; exit 1 where something is found."""
    from storage.files import write_whole
    from workflow.drawing.mermaid import mermaid as as_mermaid
    from workflow.drawing.svg import svg as as_svg
    from workflow.proof.check import check as prove

    chart = _chart(file)
    if svg is not None:
        write_whole(svg, as_svg(chart).encode())
    if mermaid is not None:
        write_whole(mermaid, as_mermaid(chart).encode())
    proof = prove(chart)
    if as_json:
        put_json(proof)
    else:
        put(
            f"{proof.label} ({proof.fingerprint[:12]}): {proof.configurations:,} configurations, "
            f"{proof.moves:,} moves"
        )
        for finding in proof.findings:
            _put_finding(finding)
    if proof.findings:
        raise Refused(f"{len(proof.findings)} findings", rule="workflow-sound")


def _put_finding(finding: "WorkflowFinding") -> None:
    put(f"{finding.rule}: {finding.where}: {finding.what}")
    for line in finding.path:
        put(f"    {line}")


@workflow.command("simulate")
def simulate(
    file: FileOption = None,
    leads: Annotated[int, typer.Option(help="How many leads.")] = 1_000,
    days: Annotated[int, typer.Option(help="For how many days.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rehearsal.")] = 7,
    acting: Annotated[float, typer.Option(help="The chance that somebody acts in a state.")] = 0.7,
    owners: Annotated[int, typer.Option(min=0, max=1_000, help="0: those of the home.")] = 10,
    capacity: Annotated[int, typer.Option(min=1, help="Leads that one of them has at once.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Rehearse a workflow in simulated time: where leads go, what waits, what owners get."""
    from jobs.workflow.files import load_roster
    from jobs.workflow.simulate import simulate as rehearse
    from jobs.workflow.simulate import simulated_roster

    roster = simulated_roster(owners, capacity) if owners else load_roster(_settings())
    seen = rehearse(_chart(file), roster, leads=leads, days=days, seed=seed, acting=acting)
    if as_json:
        put_json(seen)
        return
    put(f"{seen.label}: {seen.leads:,} leads, {seen.days} days, {seen.transitions:,} transitions")
    put_table(
        ["state", "leads at the end", "entered", "hours in it"],
        [[s.state, s.leads, s.entered, f"{s.hours:,.1f}"] for s in seen.states],
    )
    put(f"owners: {seen.assigned:,} assigned, {seen.unassigned:,} times nobody had room")
    put(f"effects: {_counted(seen.effects)}")
    put(f"timers: {_counted(seen.fired)}")


@workflow.command("conform")
def conform(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Event logs in CSV, plain or .gz.")
    ],
    case: Annotated[str, typer.Option(help="The column that names the case.")] = "case_id",
    activity: Annotated[str, typer.Option(help="The column of what was done.")] = "activity",
    time: Annotated[str, typer.Option(help="The column of when, ISO 8601.")] = "timestamp",
    against: Annotated[
        Path | None,
        typer.Option(help="A workflow file with the activities as events; else one is drawn."),
    ] = None,
    least_share: Annotated[
        float, typer.Option(min=0, max=1, help="Of the traces, for a pair to be drawn.")
    ] = 0.001,
    as_json: AsJson = False,
) -> None:
    """Replay what really happened: how many traces a workflow accepts, and why not the others."""
    from jobs.workflow.traces import TraceColumns, read_traces
    from workflow.conformance.drawn_chart import drawn_chart
    from workflow.conformance.replayed_traces import conformance

    traces = list(read_traces(files, TraceColumns(case, activity, time)).values())
    chart = _chart(against) if against else drawn_chart(traces, "drawn", least_share)
    seen = conformance(chart, traces)
    if as_json:
        put_json(seen)
        return
    put(f"{chart.label}: {seen.accepted:,} of {seen.traces:,} traces accepted")
    put(f"{seen.taken_steps:,} of {seen.steps:,} events taken")
    if seen.rejections:
        put_table(
            ["in state", "not taken", "taken elsewhere", "traces"],
            [[r.state, r.event, "yes" if r.known else "no", r.traces] for r in seen.rejections],
        )


@workflow.command("run")
def run(as_json: AsJson = False) -> None:
    """Take new decisions and signals, and fire the timers that are due: one pass, then end."""
    from config.settings import quiet_libraries
    from jobs.workflow.arrivals import move

    quiet_libraries()
    moved = move(_settings())
    if as_json:
        put_json(moved)
        return
    put(
        f"{moved.decisions:,} decisions and {moved.signals:,} signals read, "
        f"{moved.moved:,} leads moved, timers of {moved.fired:,} fired"
    )
    if moved.left:
        say("more waits than one pass takes: run it again")


@workflow.command("act")
def act(
    lead: LeadKey,
    action: Annotated[str, typer.Argument(help="What to do, such as accept or reject.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the journal.")] = "",
    by: Annotated[
        str, typer.Option("--by", envvar="LEADSCORE_USER", help="Who; it stands in the journal.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Do something with a lead, as its owner would; exit 1 where its state does not take it."""
    from config.os_account import os_account
    from jobs.workflow.home import home_now_us, open_leads
    from jobs.workflow.people import act as do
    from workflow.actions import LeadAction

    settings = _settings()
    store, now_us = open_leads(settings), home_now_us(settings)
    wanted = LeadAction(lead_id=_lead_id(settings, lead), action=action, reason=reason)
    account = os_account()
    stands = do(store, wanted, now_us, by=by or account, credential=account)
    if as_json:
        put_json(stands)
    else:
        put(f"{stands.lead_id}: {stands.state}, owner {stands.owner or 'nobody'}")


@workflow.command("verify")
def verify(as_json: AsJson = False) -> None:
    """Read the journal whole: its chain, and that the same events lead every lead where it is."""
    from jobs.workflow.replay import verify_leads

    verified = verify_leads(_settings())
    if as_json:
        put_json(verified)
    else:
        put(f"{verified.entries:,} entries, {verified.leads:,} leads")
        for fault in verified.faults:
            put(fault)
    if verified.faults:
        raise Refused("the journal does not fit the leads", rule="workflow-journal")


def _chart(file: Path | None) -> "Statechart":
    from jobs.workflow.files import load_chart
    from workflow.chart.chart_file import present, read_chart

    return load_chart(_settings()) if file is None else read_chart(present(file))


def _lead_id(settings: "Settings", key: str) -> str:
    from domain.identifiers import is_lead_id

    if is_lead_id(key):
        return key
    from jobs.leads.lead_lookup import find
    from wiring.signals import open_signals

    return find(open_signals(settings).directory, key).lead_id


def _settings() -> "Settings":
    from config.settings import load_settings

    return load_settings()


def _moment(us: int | None) -> str:
    return "" if us is None else f"{iso(us)[:19]}Z"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
