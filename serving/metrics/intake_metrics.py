"""The intake's metrics on the service's `/metrics`: counts, bound, lag, watermark, quarantine.

The metrics library is imported when the first worker opens: it decides then, by the environment
that BentoML prepares, that several processes share one page.
"""

import threading
import time
from functools import lru_cache
from operator import is_not
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.clock import SECOND
from domain.errors import Unavailable
from domain.findings import QualityFindings
from domain.signals import Counts
from serving.backpressure import IntakeLimiter
from telemetry.quality_metrics import HELP, LABELS, METRIC, Publisher

if TYPE_CHECKING:
    from wiring.serving import ServingRuntime

LOOK_EVERY_S = 5.0
"""How often watermark and quarantine are asked of the database, at most."""


class IntakeInstruments(NamedTuple):
    """The Prometheus instruments of intake."""

    events: Any
    refused: Any
    seconds: Any
    waiting: Any
    lag: Any
    watermark: Any
    quarantine: Any


@lru_cache(maxsize=1)
def instruments() -> IntakeInstruments:
    """The instruments of this process: their names may be registered once."""
    from prometheus_client import Counter, Gauge, Histogram

    return IntakeInstruments(
        events=Counter("leadscore_events", "Events received, by outcome.", ["outcome"]),
        refused=Counter("leadscore_events_refused", "Requests answered 429."),
        seconds=Histogram(
            "leadscore_events_seconds", "From a request's arrival to its events being online."
        ),
        waiting=Gauge("leadscore_events_waiting", "Events in flight.", multiprocess_mode="livesum"),
        lag=Gauge(
            "leadscore_ingest_lag_seconds",
            "From arrival to online, of the newest request that is done.",
            multiprocess_mode="mostrecent",
        ),
        watermark=Gauge(
            "leadscore_watermark_timestamp_seconds",
            "The newest moment that the log knows of.",
            multiprocess_mode="max",
        ),
        quarantine=Gauge(
            "leadscore_quarantine",
            "Documents in quarantine, by rule.",
            ["rule"],
            multiprocess_mode="mostrecent",
        ),
    )


class IntakeMetrics:
    """Publishes the state of an intake to Prometheus."""

    def __init__(self, intake: IntakeLimiter) -> None:
        self._intake = intake
        self._looked = -LOOK_EVERY_S
        self._looking = threading.Lock()

    def refused(self) -> None:
        """A request was refused."""
        instruments().refused.inc()
        instruments().waiting.set(self._intake.waiting)

    def admitted(self) -> None:
        """A request was admitted."""
        instruments().waiting.set(self._intake.waiting)

    def done(self, counts: Counts, seconds: float, runtime: "ServingRuntime") -> None:
        """A request's events were taken in, so many seconds after it arrived."""
        for outcome in ("accepted", "duplicates", "quarantined"):
            instruments().events.labels(outcome).inc(getattr(counts, outcome))
        instruments().seconds.observe(seconds)
        instruments().lag.set(seconds)
        self.look(runtime)

    def look(self, runtime: "ServingRuntime") -> None:
        """Ask the database for what only it knows, if it is time."""
        with self._looking:
            now = time.monotonic()
            if now - self._looked < LOOK_EVERY_S:
                return
            self._looked = now
        try:
            standing = runtime.standing()
        except Unavailable:
            return
        instruments().watermark.set(standing.watermark_us / SECOND)
        for rule, count in standing.quarantined.items():
            instruments().quarantine.labels(rule).set(count)


class GateMetrics:
    """Publishes the findings of this process's quality gates to Prometheus."""

    def __init__(self) -> None:
        self._of: tuple[QualityFindings, ...] = ()
        self._publishers: list[Publisher] = []
        self._opening = threading.Lock()

    def tell(self, runtime: "ServingRuntime") -> None:
        """Bring the counter up to date: after each request."""
        with self._opening:
            findings = runtime.findings()
            if len(findings) != len(self._of) or any(map(is_not, findings, self._of)):
                self._of = findings  # a home that is opened anew counts from 0
                self._publishers = [Publisher(f, _gates()) for f in findings]
            publishers = self._publishers
        for publisher in publishers:
            publisher.publish()


@lru_cache(maxsize=1)
def _gates() -> Any:
    from prometheus_client import Counter

    return Counter(METRIC, HELP, LABELS)
