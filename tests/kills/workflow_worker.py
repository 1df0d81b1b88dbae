"""A process that moves leads and delivers effects in simulated time, to be killed at any moment."""

import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from domain.clock import SystemClock
from storage.engine import open_engine
from tests.workflow.charts import CLOSED, GOOD, HOUR, MONDAY, POOR, standard
from workflow.chart.lead_state import WorkflowEvent
from workflow.outbox.effect_queue import EffectQueue
from workflow.outbox.enqueue import enqueue
from workflow.outbox.receipt import DELIVERED
from workflow.outbox.retries import RetryLimits
from workflow.owners.roster import OwnerSpec, PoolSpec, Roster
from workflow.store.lead_store import Cursor, LeadStore

AT_ONCE = 20
TICK = 6 * HOUR
OWNERS = Roster(
    version=1,
    owners={f"owner_{n}": OwnerSpec(capacity=60, weight=n + 1) for n in range(5)},
    pools={"all": PoolSpec(owners=tuple(f"owner_{n}" for n in range(5)), turns="weighted")},
    otherwise="all",
)
ACTIONS = ("accept", "reject", "contact", "qualify", "complete", "won", "lost")


class LaterClock(SystemClock):
    """A clock that goes as the machine's, decades on: what simulated time asked for is due."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=20_000)


def file_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'workflow.db'}"


def store_of(folder: Path) -> LeadStore:
    return LeadStore(open_engine(file_of(folder)), standard(), enqueue, OWNERS)


def happenings(tick: int, leads: int) -> list[WorkflowEvent]:
    """What comes in at a tick: the same whenever it is asked."""
    events = []
    for n in range(AT_ONCE):
        lead, turn = (tick * 7 + n * 13) % leads, (tick + n) % 11
        facts = (GOOD, GOOD, POOR, CLOSED)[(tick + lead) % 4]
        name = "decided" if turn < 4 else ACTIONS[turn - 4]
        events.append(
            WorkflowEvent(
                id=f"{tick}-{n}",
                lead_id=f"lead_{lead:04}",
                account_id=f"account_{lead}",
                name=name,
                facts=facts if name == "decided" else None,
                facts_us=tick,
            )
        )
    return events


def now_us(tick: int) -> int:
    return MONDAY + tick * TICK


def work(folder: str, leads: int, ticks: int) -> None:
    """Go on where the last process was killed, until so many ticks are done."""
    store = store_of(Path(folder))
    queue = EffectQueue(store._engine, LaterClock(), RetryLimits(give_up_days=36_000), 0.2)
    with closing(sqlite3.connect(Path(folder) / "receiver.db", timeout=30)) as receiver:
        while (tick := store.position("ticks")) < ticks:
            events = happenings(tick, leads)
            store.take(events[: AT_ONCE // 2], now_us(tick))
            store.fire_due(now_us(tick), AT_ONCE)
            store.take(events, now_us(tick), Cursor("ticks", tick + 1))
            deliver(queue, receiver)


def deliver(queue: EffectQueue, receiver: sqlite3.Connection) -> int:
    """Hand effects to a receiver that does each key once, and counts how often it was asked."""
    count = 0
    for connector in queue.connectors():
        claimed = queue.claim(connector, AT_ONCE)
        for each in claimed:
            receiver.execute(
                "INSERT INTO received VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                (each.effect.key,),
            )
            receiver.commit()
        queue.settle([(each, DELIVERED) for each in claimed])
        count += len(claimed)
    return count


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
