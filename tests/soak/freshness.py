"""How long a signal takes to show in an answer of `POST /score`, over real HTTP."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import numpy as np

from config.settings import Settings
from domain.clock import SECOND, from_us, iso
from domain.signals import Signal
from leadscore_client import Client
from serving.supervisor import running
from wiring.signals import open_signals

GAP_US = 2 * SECOND
"""Between two signals: some online stores keep whole seconds."""

LONGEST_S = 30.0
Send = Callable[[Signal], None]


class Freshness:
    """Sends signals of known leads, one after the other, and waits for each to show."""

    def __init__(self, client: Client, identifiers: Sequence[str], after_us: int) -> None:
        self._client = client
        self._identifiers = identifiers
        self._numbers = count(1)
        self._after_us = after_us

    def one_s(self, send: Send) -> float:
        """Seconds from before a signal is handed in until a score is as of its moment."""
        number = next(self._numbers)
        at_us = self._after_us + number * GAP_US
        known = {"crm_id": self._identifiers[number % len(self._identifiers)]}
        signal = Signal(
            id=f"fresh-{number}",
            source="web",
            type="web.page_viewed",
            time=from_us(at_us),
            identifiers=dict(known),
            data={"page": "pricing"},
        )
        began = time.perf_counter()
        send(signal)
        while self._client.score(identifiers=known).features_as_of < iso(at_us):
            assert time.perf_counter() - began < LONGEST_S, "the signal never shows"
        return time.perf_counter() - began


@contextmanager
def served(settings: Settings, identifiers: Sequence[str]) -> Iterator[tuple[Client, Freshness]]:
    """A client of the service on this home, and what measures; the first answers are over."""
    plane = open_signals(settings)
    after_us = plane.directory.watermark_us()
    plane.engine.dispose()
    with running(settings) as url, Client(url) as client:
        for identifier in identifiers:
            client.score(identifiers={"crm_id": identifier})
        yield client, Freshness(client, identifiers, after_us)


def shown(seconds: Sequence[float]) -> str:
    """Median and 99th percentile, in milliseconds."""
    p50, p99 = (1000 * np.quantile(seconds, [0.5, 0.99])).tolist()
    return f"freshness of {len(seconds)}: p50 {p50:.0f} ms, p99 {p99:.0f} ms"
