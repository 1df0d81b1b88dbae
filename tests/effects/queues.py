"""Databases of effects for tests, and effects."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from domain.clock import FixedClock, to_us
from storage.engine import open_engine
from storage.sql import take_write_lock
from wiring.workflow import prepare_workflow
from workflow.effect import Effect
from workflow.outbox.effect_queue import EffectQueue
from workflow.outbox.enqueue import enqueue
from workflow.outbox.retries import RetryLimits
from workflow.outbox.tables import EFFECTS

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGIN_US = to_us(BEGIN)
LIMITS = RetryLimits(attempts=4, first_seconds=10, longest_seconds=60)


def opened(url: str) -> sa.Engine:
    """An engine of a database that has the tables."""
    engine = open_engine(url)
    prepare_workflow(engine)
    return engine


def effect(key: str, **more: Any) -> Effect:
    values = {"connector": "crm", "action": "update", "lead_id": "lead_1", "created_us": BEGIN_US}
    return Effect(key=key, **{**values, **more})


def put_in(engine: sa.Engine, *effects: Effect) -> None:
    with engine.begin() as connection:
        if engine.name == "sqlite":
            take_write_lock(connection, 1)
        enqueue(connection, effects)


def states(engine: sa.Engine) -> dict[str, str]:
    """Where each effect stands, by key."""
    with engine.connect() as connection:
        return {
            row.key: row.state
            for row in connection.execute(sa.select(EFFECTS).order_by(EFFECTS.c.sequence))
        }


def queue(engine: sa.Engine, clock: FixedClock, lease_s: float = 30.0) -> EffectQueue:
    return EffectQueue(engine, clock, LIMITS, lease_s, lambda: 0.0)
