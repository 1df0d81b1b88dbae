"""The jobs there are: a line for each."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A job by the place of its function, `module:function`, so that it is loaded where it runs.

    The function takes a `jobs.operate.job.JobRun` and gives a `jobs.operate.run.JobResult`. Where
    both are due, it begins after those in `after` have ended.
    """

    function: str
    what: str
    after: tuple[str, ...] = ()


JOBS: Mapping[str, Job] = {
    "rollouts": Job("jobs.operate.rollout_steps:step", "the rollouts under way"),
    "workflow": Job("jobs.operate.leads.workflow:move_leads", "leads that events or timers move"),
    "effects": Job("jobs.operate.effects:deliver", "effects that wait for their receivers"),
    "agents": Job("jobs.operate.agents:look", "agents look at leads that are new to them"),
    "report": Job("jobs.operate.report:write", "the monitoring report"),
    "alarms": Job("jobs.operate.alarms:look", "what a person must hear of", after=("report",)),
    "retraining": Job(
        "jobs.operate.retraining:retrain",
        "triggers, and a new version where one fires",
        after=("report", "alarms"),
    ),
    "retention": Job("jobs.operate.retention:clear", "what is too old goes"),
    "backup": Job("jobs.operate.backup:back_up", "copies of the databases"),
}
"""The jobs, in the order in which they are begun where all are due."""
