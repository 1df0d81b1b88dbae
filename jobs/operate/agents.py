"""The job of agents: each role looks at leads that are new to it."""

from jobs.agents.rules import load_agents
from jobs.agents.run_agents import AgentRunCounts, run_agents
from jobs.operate.job import JobRun
from jobs.operate.run import JobResult
from wiring.workflow import has_workflow


def look(run: JobRun) -> JobResult:
    """Let agents look; held where one could not say anything."""
    if not load_agents(run.settings).agents or not has_workflow(run.settings):
        return JobResult(outcome="idle", notes=("no agent is at work, or no lead in a workflow",))
    counts = run_agents(run.settings, check=run.check)
    notes = tuple(_note(one) for one in counts if one.looked)
    if any(one.failed for one in counts):
        return JobResult(outcome="held", notes=notes)
    return JobResult(outcome="done" if notes else "idle", notes=notes)


def _note(one: AgentRunCounts) -> str:
    return (
        f"{one.role}: {one.looked} leads, {one.done} done, {one.waits} wait for a person, "
        f"{one.refused} refused, {one.failed} without an answer"
    )
