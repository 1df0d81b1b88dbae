"""Lineage: runs are recorded in the home's outbox, and sent to a server where there is one.

Lineage never stops a run: errors are logged, and what could not be sent waits for the next command.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from config.settings import Settings
from domain.clock import Clock, SystemClock, iso, to_us
from domain.errors import LeadscoreError, Unavailable
from domain.versions.manifest import Lineage
from registry.lineage.outbox import Outbox, Send

if TYPE_CHECKING:
    from registry.lineage.events import LineageDataset, State

TIMEOUT_S = 2.0
"""How long a server may take for one event; the first that it does not take ends the sending."""

_NEVER = (400, 413, 415, 422)
"""Answers that say that the event itself is bad."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RunInputsOutputs:
    """What a run read and made; filled in while it runs."""

    inputs: "list[LineageDataset]" = field(default_factory=list)
    outputs: "list[LineageDataset]" = field(default_factory=list)

    def add_log(self, lineage: Lineage) -> None:
        """Note that the run read the log up to here."""
        from registry.lineage.events import event_log

        log = event_log(iso(lineage.watermark_us), lineage.events, lineage.log_hash)
        self.inputs.append(log)

    def add_input(self, name: str, version: str) -> None:
        """Note that the run read a version of a data set."""
        from registry.lineage.events import LineageDataset

        self.inputs.append(LineageDataset(name, version))

    def add_output(self, name: str, version: str) -> None:
        """Note that the run wrote a version of a data set."""
        from registry.lineage.events import LineageDataset

        self.outputs.append(LineageDataset(name, version))


class LineageEmitter:
    """Writes runs into an outbox, and sends waiting events where there is a server."""

    def __init__(self, outbox: Outbox, send: Send | None, clock: Clock) -> None:
        self._outbox = outbox
        self._send = send
        self._clock = clock

    @contextmanager
    def run(self, job: str) -> Iterator[RunInputsOutputs]:
        """Tell that a run of a job starts, and how it ends: whole, failed or interrupted."""
        run_id, datasets = str(uuid4()), RunInputsOutputs()
        self._tell("START", job, run_id, datasets)
        try:
            yield datasets
        except Exception as bad:
            # of other errors the kind alone: their text may hold anything
            error = str(bad) if isinstance(bad, LeadscoreError) else type(bad).__name__
            self._tell("FAIL", job, run_id, datasets, error)
            raise
        except BaseException:
            self._tell("ABORT", job, run_id, datasets)
            raise
        self._tell("COMPLETE", job, run_id, datasets)

    def _tell(
        self, state: "State", job: str, run_id: str, datasets: RunInputsOutputs, error: str = ""
    ) -> None:
        try:
            from registry.lineage.events import event

            at = iso(to_us(self._clock.now()))
            inputs, outputs = tuple(datasets.inputs), tuple(datasets.outputs)
            self._outbox.add(
                event(state, job, run_id, at, inputs=inputs, outputs=outputs, error=error)
            )
            if self._send is not None and state != "START":
                self._outbox.send(self._send)
        except Exception as bad:
            _log.warning("lineage waits: %s", type(bad).__name__)


def open_teller(settings: Settings) -> LineageEmitter:
    """The lineage emitter of this home."""
    send = sender(settings.lineage_url, TIMEOUT_S) if settings.lineage_url else None
    return LineageEmitter(outbox_of(settings), send, SystemClock())


def outbox_of(settings: Settings) -> Outbox:
    """The home's outbox of lineage events."""
    return Outbox(settings.home / "lineage")


def send_waiting(settings: Settings) -> int:
    """Send what waits to the server of the settings; how many events. Raises Unavailable."""
    if not settings.lineage_url:
        return 0
    try:
        return outbox_of(settings).send(sender(settings.lineage_url, TIMEOUT_S))
    except OSError as bad:
        raise Unavailable(
            f"the lineage server does not take events ({type(bad).__name__})",
            rule="lineage-server",
            todo="Run `leadscore lineage send` when it answers again: nothing is lost.",
        ) from bad


def sender(url: str, timeout_s: float) -> Send:
    """Sends events to an OpenLineage server, each tried once.

    What the server calls bad in itself will never be taken; any other trouble is an OSError.
    """
    sending: list[Callable[[dict[str, object]], object]] = []

    def send(event: bytes) -> bool:
        from requests import HTTPError

        if not sending:
            from openlineage.client.transport.http import HttpConfig, HttpTransport

            config = HttpConfig(url=url, timeout=timeout_s, retry={"total": 0})
            sending.append(HttpTransport(config).emit)  # type: ignore[arg-type]
        try:
            sending[0](msgspec.json.decode(event))
        except HTTPError as bad:
            if bad.response is not None and bad.response.status_code in _NEVER:
                return False
            raise
        return True

    return send
