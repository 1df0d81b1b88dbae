"""What is done when: `operate.yaml`, its types, and how it is read."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from config.home_files import rules_file
from config.settings import Settings
from jobs.operate.job_list import JOBS
from jobs.operate.schedule import check_cron
from registry.rollout_spec import RolloutSpec
from storage.config_numbers import FileVersion, PositiveCount, PositiveDays
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("operate.yaml")
STANDARD_PLAN = Path(__file__).with_name("rollout.yaml")

Minutes = Annotated[float, msgspec.Meta(ge=0.001, le=527_040)]
Seconds = Annotated[float, msgspec.Meta(ge=1, le=3600)]


class JobSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When one job is due, and what happens where it fails.

    Either `every_minutes` (from midnight UTC of 1970 on, so that restarts move nothing), or `cron`
    (minute, hour, day, month, day of the week by its name; UTC). After `limit_minutes` it is ended.
    Where it fails it is tried again `retries` times, first after `backoff_minutes`, then after
    twice as long, and so on.
    """

    every_minutes: Minutes | None = None
    cron: str | None = None
    enabled: bool = True
    limit_minutes: Minutes = 30.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    backoff_minutes: Annotated[float, msgspec.Meta(ge=0, le=1440)] = 1.0

    def __post_init__(self) -> None:
        """Refuse a job without a time, or with two, or that is never due."""
        if (self.every_minutes is None) == (self.cron is None):
            raise ValueError("a job needs one of every_minutes and cron")
        if self.cron is not None:
            check_cron(self.cron)


class JobSchedules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The jobs that are done, each with its schedule; one that is not named is not done."""

    rollouts: JobSchedule | None = None
    workflow: JobSchedule | None = None
    effects: JobSchedule | None = None
    agents: JobSchedule | None = None
    report: JobSchedule | None = None
    alarms: JobSchedule | None = None
    retraining: JobSchedule | None = None
    retention: JobSchedule | None = None
    backup: JobSchedule | None = None


class RetrainingRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a version that was trained because a trigger fired.

    `candidate`: it waits for a person. `challenger`: it is promoted by its gates, and a rollout is
    started by `plan`, a file of the home; the one of the product where the home has none of the
    standard name.
    """

    then: Literal["candidate", "challenger"] = "candidate"
    plan: str = STANDARD_PLAN.name


class RetentionRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After how many days what is not in use goes: reports, logs, the loop's own record of runs."""

    reports_days: PositiveDays = 90.0
    logs_days: PositiveDays = 30.0
    runs_days: PositiveDays = 365.0


class BackupRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where copies of the databases go, seen from the home, and how many are kept."""

    folder: str = "backups"
    keep: PositiveCount = 7


class OperateRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `operate.yaml`.

    After `lease_seconds` without a word of the process whose turn it is, another takes over. After
    SIGTERM or Ctrl-C, jobs that run may go on for `stop_seconds`.
    """

    version: FileVersion
    lease_seconds: Seconds = 30.0
    stop_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 60.0
    jobs: JobSchedules
    retraining: RetrainingRules = RetrainingRules()
    retention: RetentionRules = RetentionRules()
    backup: BackupRules = BackupRules()

    @property
    def declared(self) -> dict[str, JobSchedule]:
        """The schedules of the jobs that are named, those that are off included."""
        schedules = {name: getattr(self.jobs, name) for name in JOBS}
        return {name: schedule for name, schedule in schedules.items() if schedule is not None}

    @property
    def enabled(self) -> dict[str, JobSchedule]:
        """The schedules of the jobs that are done."""
        return {name: schedule for name, schedule in self.declared.items() if schedule.enabled}


def load_rules(settings: Settings) -> OperateRules:
    """The home's own rules, or the standard ones. Raises BadConfiguration, BadInput of a plan."""
    path = rules_file(settings, STANDARD_FILE)
    todo = f"The jobs are {', '.join(JOBS)}; docs/operate.md tells every key."
    rules = read_typed(path, OperateRules, "operate-rules", todo=todo)
    if rules.retraining.then == "challenger":
        plan_of(settings, rules)
    return rules


def plan_of(settings: Settings, rules: OperateRules) -> RolloutSpec:
    """The plan by which a new challenger is rolled out. Raises BadConfiguration, BadInput."""
    from jobs.models.rollouts import read_course

    path = settings.home / rules.retraining.plan
    if not path.exists() and rules.retraining.plan == STANDARD_PLAN.name:
        path = STANDARD_PLAN
    return read_course(path)
