"""Effects that are due are delivered: connector by connector, several at once, each once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import msgspec
import sqlalchemy as sa

from config.settings import Settings
from domain.circuit_breaker import CircuitBreaker
from domain.clock import DAY, SystemClock
from domain.errors import LeadscoreError
from jobs.effects.opening import ConnectorOpener
from jobs.effects.record_ids import values_in_log
from jobs.effects.rules import ConnectorRules, load_connectors
from wiring.workflow import open_workflow
from workflow.connectors.connector import EffectConnector
from workflow.outbox.effect_queue import EffectQueue, SettledCounts
from workflow.outbox.receipt import EffectReceipt

MOST_THREADS = 8
"""So many connectors are served at once."""
FAILURES = 3
"""A connector that is away so often in a row is left alone."""
FORGOTTEN_AT_ONCE = 10_000


class ConnectorDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a connector's effects, and why no more were delivered ("": all due were).

    `postponed` counts attempts after which an effect waits again, `lost` those whose lease had
    run out before their outcome was noted.
    """

    connector: str
    delivered: int = 0
    postponed: int = 0
    dead: int = 0
    lost: int = 0
    reason: str = ""


class Deliverer:
    """Delivers what is due in one home. `stop` ends it after the claims under way."""

    def __init__(self, settings: Settings, rules: ConnectorRules, engine: sa.Engine) -> None:
        self.rules = rules
        self.stop = Event()
        self.queue = EffectQueue(engine, SystemClock(), rules.retries, rules.lease_seconds)
        self._opener = ConnectorOpener(settings, rules, values_in_log(settings))

    def deliver(
        self, limit_s: float, check: Callable[[], object] = bool
    ) -> list[ConnectorDelivery]:
        """Deliver until nothing is due, or for so long; what became of it, by connector.

        `check` is called before each claim, and ends the work by raising.
        """
        until = time.monotonic() + limit_s
        waiting = self.queue.connectors()
        known = [name for name in waiting if name in self.rules.connectors]
        unknown = [
            ConnectorDelivery(connector=name, reason="connectors.yaml has no such connector")
            for name in waiting
            if name not in self.rules.connectors
        ]
        with ThreadPoolExecutor(MOST_THREADS) as threads:
            results = threads.map(lambda name: self._connector(name, until, check), known)
            deliveries = [*results, *unknown]
        before_us = self.queue.now_us - round(self.rules.keep_days * DAY)
        self.queue.forget(before_us, FORGOTTEN_AT_ONCE)
        return sorted(deliveries, key=lambda one: one.connector)

    def _connector(self, name: str, until: float, check: Callable[[], object]) -> ConnectorDelivery:
        pause = self.queue.pause(name)
        if pause.not_before_us > self.queue.now_us:
            return ConnectorDelivery(connector=name, reason=f"left alone: {pause.cause}")
        self.queue.set_aside_fatal(name)
        try:
            connector = self._opener.open(name)
        except LeadscoreError as bad:
            self.queue.leave_alone(name, bad.what, None)
            return ConnectorDelivery(connector=name, reason=bad.what)
        work = _ConnectorWork(self, name, connector, probing=pause.not_before_us > 0)
        counts = work.run(until, check)
        return ConnectorDelivery(connector=name, **counts._asdict(), reason=work.reason)

    def patience_s(self, name: str) -> float:
        """How long the deliveries of one claim may take."""
        return self._opener.patience_s(name)


class _ConnectorWork:
    """The deliveries of one connector: claim, deliver, settle, until nothing is due."""

    def __init__(
        self, deliverer: Deliverer, name: str, connector: EffectConnector, *, probing: bool
    ) -> None:
        self._deliverer = deliverer
        self._queue = deliverer.queue
        self._name = name
        self._connector = connector
        self._probing = probing
        # one that was left alone is tried with a single effect, and left alone again at once
        failures = 1 if probing else FAILURES
        self._breaker = CircuitBreaker(time.monotonic, failures=failures, open_s=float("inf"))
        self.reason = ""

    def run(self, until: float, check: Callable[[], object]) -> SettledCounts:
        counts = SettledCounts()
        while time.monotonic() < until and not self._deliverer.stop.is_set() and not self.reason:
            check()
            claimed = self._queue.claim(self._name, self._room)
            if not claimed:
                break
            patience_s = self._deliverer.patience_s(self._name)
            receipts = self._connector.deliver(claimed, time.monotonic() + patience_s)
            counts = counts.plus(self._queue.settle(zip(claimed, receipts, strict=True)))
            self._look(receipts)
        return counts

    @property
    def _room(self) -> int:
        return 1 if self._probing else self._connector.at_a_time

    def _look(self, receipts: Sequence[EffectReceipt]) -> None:
        """Leave the connector alone where it asks for it, or is away again and again."""
        busy = next((one for one in receipts if one.verdict == "throttled"), None)
        away = next((one for one in receipts if one.verdict == "away"), None)
        if busy is not None:
            self._leave(busy, busy.wait_s)
        elif away is not None:
            self._breaker.failed()
            if self._breaker.is_open:
                self._leave(away, away.wait_s)
        elif any(one.verdict != "released" for one in receipts):
            self._breaker.worked()
            if self._probing:
                self._queue.answered(self._name)
                self._probing = False

    def _leave(self, receipt: EffectReceipt, wait_s: float | None) -> None:
        self._queue.leave_alone(self._name, receipt.cause, wait_s)
        self.reason = f"left alone: {receipt.cause}"


def open_deliverer(settings: Settings) -> Deliverer:
    """What delivers in a home. Raises BadConfiguration, Unavailable."""
    return Deliverer(settings, load_connectors(settings), open_workflow(settings))
