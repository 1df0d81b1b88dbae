"""Where the loop keeps its state: runs, and whose turn it is. SQLite or PostgreSQL.

Whose turn it is, is a lease: a holder, a moment until which it counts, and a fence, a number that
grows whenever another takes over. Nothing is begun or ended but under the fence that counts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from domain.clock import SECOND, Clock, to_us
from jobs.operate.run import Outcome, Run
from jobs.operate.schedule import Due
from storage.migrations import migrate
from storage.sql import answering, insert_into, take_write_lock

_answering = partial(answering, "the database of the operating loop", rule="operate-available")

METADATA = sa.MetaData()
RUNS = sa.Table(
    "operate_runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", sa.String(64), nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("moment_us", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("holder", sa.String(255), nullable=False),
    sa.Column("started_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.UniqueConstraint("job", "due_us", "attempt", name="operate_runs_once"),
)
LEASES = sa.Table(
    "operate_lease",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("holder", sa.String(255), nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False),
)
TOTALS = sa.Table(
    "operate_totals",
    METADATA,
    sa.Column("job", sa.String(64), primary_key=True),
    sa.Column("outcome", sa.String(16), primary_key=True),
    sa.Column("runs", sa.BigInteger, nullable=False),
)
"""How many runs had each outcome; what retention removes from `operate_runs` still counts."""

_LOCK = 0x1EAD_09E7
"""PostgreSQL's advisory lock that stands for the right to change these tables."""
_LOOP = "loop"


class Lease(NamedTuple):
    """Whose turn it is: until a moment (microseconds since 1970), and the number of the turn."""

    holder: str
    fence: int
    until_us: int


class RunStore:
    """The runs of one database. Every call may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        with _answering():
            migrate(engine, "operate", METADATA)

    @property
    def now_us(self) -> int:
        """The machine's clock."""
        return to_us(self._clock.now())

    def lease(self) -> Lease | None:
        """Whose turn it was last, whether or not it still is; None where nobody ever had it."""
        with _answering(), self._engine.connect() as connection:
            return _lease(connection)

    def take(self, holder: str, seconds: float) -> Lease | None:
        """Take the turn where nobody has it: the lease, or None where somebody has."""
        with self._writing() as connection:
            current = _lease(connection)
            if current is not None and current.until_us > self.now_us:
                return None
            fence = 1 if current is None else current.fence + 1
            lease = Lease(holder, fence, self.now_us + round(seconds * SECOND))
            row = {"name": _LOOP, **lease._asdict()}
            insert = insert_into(connection, LEASES).values(row)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["name"], set_=lease._asdict())
            )
            return lease

    def renew(self, lease: Lease, seconds: float) -> Lease | None:
        """The lease for so much longer; None where another took over."""
        until_us = self.now_us + round(seconds * SECOND)
        with self._writing() as connection:
            mine = sa.update(LEASES).where(LEASES.c.fence == lease.fence)
            if not connection.execute(mine.values(until_us=until_us)).rowcount:
                return None
        return lease._replace(until_us=until_us)

    def leave(self, lease: Lease) -> None:
        """Let another have the turn at once."""
        with self._writing() as connection:
            mine = sa.update(LEASES).where(LEASES.c.fence == lease.fence)
            connection.execute(mine.values(until_us=0))

    def begin(self, lease: Lease, job: str, due: Due, moment_us: int) -> Run | None:
        """Note that a run begins; None where it was begun, or another took over meanwhile."""
        row = {
            "job": job,
            "due_us": due.due_us,
            "moment_us": moment_us,
            "attempt": due.attempt,
            "failures": due.failures,
            "fence": lease.fence,
            "holder": lease.holder,
            "started_us": self.now_us,
            "outcome": "running",
            "notes": "[]",
        }
        with self._writing() as connection:
            if not _counts(connection, lease.fence):
                return None
            insert = insert_into(connection, RUNS).values(row).on_conflict_do_nothing()
            number = connection.execute(insert.returning(RUNS.c.id)).scalar_one_or_none()
        return None if number is None else self.run(number)

    def end(self, run: Run, outcome: Outcome, notes: Sequence[str]) -> bool:
        """Note how a run ended; False where it had ended, or another took over meanwhile."""
        with self._writing() as connection:
            if not _counts(connection, run.fence):
                return False
            return self._end(connection, run, outcome, notes)

    def interrupt_former(self, lease: Lease) -> list[Run]:
        """Note of runs that former turns began and never ended that they were broken off."""
        begun = sa.select(RUNS).where(RUNS.c.outcome == "running", RUNS.c.fence < lease.fence)
        with self._writing() as connection:
            if not _counts(connection, lease.fence):
                return []
            runs = [_run(row) for row in connection.execute(begun).mappings()]
            for run in runs:
                notes = (f"{run.holder} began it and never ended it", *run.notes)
                self._end(connection, run, "interrupted", notes)
        return runs

    def run(self, number: int) -> Run:
        """One run, by its id."""
        with _answering(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(RUNS).where(RUNS.c.id == number))
            return _run(rows.mappings().one())

    def first_begun_us(self, run: Run) -> int:
        """When a run was begun for the first time for the moment at which it was due."""
        same = sa.and_(RUNS.c.job == run.job, RUNS.c.due_us == run.due_us)
        with _answering(), self._engine.connect() as connection:
            first = sa.select(sa.func.min(RUNS.c.started_us)).where(same)
            return int(connection.execute(first).scalar_one())

    def newest(self) -> dict[str, Run]:
        """The newest run of each job."""
        ids = sa.select(sa.func.max(RUNS.c.id)).group_by(RUNS.c.job)
        with _answering(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(RUNS).where(RUNS.c.id.in_(ids))).mappings()
            return {row["job"]: _run(row) for row in rows}

    def runs(self, limit: int) -> list[Run]:
        """The newest runs, the newest first."""
        newest = sa.select(RUNS).order_by(RUNS.c.id.desc()).limit(limit)
        with _answering(), self._engine.connect() as connection:
            return [_run(row) for row in connection.execute(newest).mappings()]

    def totals(self) -> dict[tuple[str, str], int]:
        """How many runs ended, by job and outcome."""
        with _answering(), self._engine.connect() as connection:
            return {
                (row.job, row.outcome): row.runs for row in connection.execute(sa.select(TOTALS))
            }

    def forget(self, before_us: int) -> int:
        """Remove what ended before a moment, but the newest run of each job; how many."""
        ids = sa.select(sa.func.max(RUNS.c.id)).group_by(RUNS.c.job).scalar_subquery()
        old = sa.delete(RUNS).where(RUNS.c.ended_us < before_us, RUNS.c.id.not_in(ids))
        with self._writing() as connection:
            return connection.execute(old).rowcount

    def _end(
        self, connection: sa.Connection, run: Run, outcome: Outcome, notes: Sequence[str]
    ) -> bool:
        still = sa.update(RUNS).where(RUNS.c.id == run.id, RUNS.c.outcome == "running")
        encoded = msgspec.json.encode(notes).decode()
        values = {"ended_us": self.now_us, "outcome": outcome, "notes": encoded}
        if not connection.execute(still.values(values)).rowcount:
            return False
        insert = insert_into(connection, TOTALS).values(job=run.job, outcome=outcome, runs=1)
        one_more = {"runs": TOTALS.c.runs + 1}
        connection.execute(
            insert.on_conflict_do_update(index_elements=["job", "outcome"], set_=one_more)
        )
        return True

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _answering(), self._engine.begin() as connection:
            take_write_lock(connection, _LOCK)
            yield connection


def _lease(connection: sa.Connection) -> Lease | None:
    row = connection.execute(sa.select(LEASES).where(LEASES.c.name == _LOOP)).first()
    return None if row is None else Lease(row.holder, row.fence, row.until_us)


def _counts(connection: sa.Connection, fence: int) -> bool:
    current = _lease(connection)
    return current is not None and current.fence == fence


def _run(row: sa.RowMapping) -> Run:
    values = {str(name): value for name, value in row.items()}
    values["notes"] = msgspec.json.decode(values["notes"])
    return msgspec.convert(values, Run)
