"""How connectors do: what waits, what is dead, which are left alone."""

from collections.abc import Mapping

import msgspec

from config.settings import Settings
from domain.clock import SystemClock
from jobs.effects.opening import kind_of
from jobs.effects.rules import ConnectorRule, load_connectors
from wiring.workflow import open_workflow
from workflow.outbox.effect_desk import EffectDesk, EffectState
from workflow.outbox.effect_queue import EffectQueue


class ConnectorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A connector: its kind, "" where connectors.yaml does not name it; counts by state.

    `not_before_us` is until when it is left alone, microseconds since 1970, 0 where it is not.
    """

    connector: str
    kind: str
    waiting: int
    dead: int
    delivered: int
    dropped: int
    not_before_us: int
    reason: str


def connector_status(settings: Settings) -> list[ConnectorStatus]:
    """All connectors that are configured or that effects name. Raises BadConfiguration."""
    rules, engine, clock = load_connectors(settings), open_workflow(settings), SystemClock()
    counts = EffectDesk(engine, clock).counts()
    queue = EffectQueue(engine, clock, rules.retries, rules.lease_seconds)
    names = {*rules.connectors, *(name for name, _ in counts)}
    return [_status(rules.connectors, queue, counts, name) for name in sorted(names)]


def _status(
    rules: Mapping[str, ConnectorRule],
    queue: EffectQueue,
    counts: Mapping[tuple[str, EffectState], int],
    name: str,
) -> ConnectorStatus:
    pause = queue.pause(name)
    known = name in rules
    reason = pause.cause if known else "connectors.yaml has no such connector"
    return ConnectorStatus(
        connector=name,
        kind=kind_of(rules[name]) if known else "",
        waiting=counts.get((name, "waiting"), 0),
        dead=counts.get((name, "dead"), 0),
        delivered=counts.get((name, "delivered"), 0),
        dropped=counts.get((name, "dropped"), 0),
        not_before_us=pause.not_before_us if pause.not_before_us > queue.now_us else 0,
        reason=reason,
    )
