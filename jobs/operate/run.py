"""A run of a job: what is kept of it."""

from typing import Literal

import msgspec

Outcome = Literal[
    "running",
    "done",
    "idle",
    "held",
    "refused",
    "alarmed",
    "failed",
    "timed_out",
    "interrupted",
]
"""What became of a run.

done: it did what it is for. idle: there was nothing to do. held: it waits for evidence, or for
something that is not there yet. refused: a gate, a limit or a verdict says no. alarmed: a person
must look. failed: an error ended it. timed_out: it took too long and was ended. interrupted: it
was begun and never ended, or was told to stop; it is done again. Only the first is a success.
"""
Settled = Literal["done", "idle", "held", "refused", "alarmed"]
"""The outcomes that a job gives itself."""
ENDED_WELL: frozenset[Outcome] = frozenset({"done", "idle", "held"})
"""Outcomes that ask nothing of anybody."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a job that was due.

    `due_us` and `moment_us`, when it began, are by the home's clock; `started_us` and `ended_us`
    by the machine's; all in microseconds since 1970. `fence` is the number of the turn in which it
    was begun: it grows from holder to holder. `notes` is what was done, a sentence each.
    """

    id: int
    job: str
    due_us: int
    moment_us: int
    attempt: int
    failures: int
    fence: int
    holder: str
    started_us: int
    ended_us: int | None = None
    outcome: Outcome = "running"
    notes: tuple[str, ...] = ()


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a job says of itself at its end: its outcome, and what was done, a sentence each."""

    outcome: Settled = "done"
    notes: tuple[str, ...] = ()
