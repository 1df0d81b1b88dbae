"""What a job is given.

A job is a function that takes a `JobRun` and gives a `JobResult`. It may be killed at any moment
and is then called again for the same due moment: what it did it must not do twice. To add one,
write the function and a line in `jobs.operate.job_list`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from config.settings import Settings
from jobs.operate.rules import OperateRules


@dataclass(frozen=True)
class JobRun:
    """The home, the rules, and which of a job's runs it is.

    `due_us` is the moment at which it was due, by the home's clock, and names the run however
    often it is begun. `began_us` is when it was first begun for it, by the machine's clock.
    `check` raises Unavailable where another process has taken over, else none will for the time of
    a lease: call it before anything that stays.
    """

    settings: Settings
    rules: OperateRules
    due_us: int
    began_us: int
    check: Callable[[], None]
