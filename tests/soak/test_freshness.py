"""From a signal's acceptance to its effect in `POST /score`: seconds at most, whatever the way."""

from signal import SIGTERM
from typing import Any

import msgspec
import numpy as np
import pytest

from config.settings import Settings
from domain.signals import Signal
from jobs.signals.ingest_files import ingest_files
from tests.conftest import Trained
from tests.servers import Process
from tests.soak.bus import sending
from tests.soak.commands import begin
from tests.soak.freshness import Freshness, Send, served, shown
from tests.soak.redis_database import fresh_redis

LEADS = [f"L-{person:07d}" for person in range(20)]
SIGNALS = 300

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


def measure(freshness: Freshness, send: Send) -> list[float]:
    for _ in range(20):
        freshness.one_s(send)
    return [freshness.one_s(send) for _ in range(SIGNALS)]


def test_embedded_it_is_less_than_a_second(own_home: Settings, capsys: Any) -> None:
    with served(own_home, LEADS) as (client, freshness):

        def post(signal: Signal) -> None:
            assert client.send_events([msgspec.to_builtins(signal)]).accepted == 1

        seconds = measure(freshness, post)
    with capsys.disabled():
        print("\nembedded, POST /events:", shown(seconds))  # noqa: T201
    assert np.quantile(seconds, 0.99) < 1


def test_over_nats_with_redis_and_postgres_it_is_less_than_two_seconds(
    trained: Trained,
    own_home: Settings,
    own_nats: Process,
    postgres_url: str,
    redis_url: str,
    capsys: Any,
) -> None:
    settings = msgspec.structs.replace(
        own_home,
        signals_url=postgres_url,
        online=fresh_redis(redis_url),
        bus=f"nats://127.0.0.1:{own_nats.port}",
    )
    ingest_files(settings, [str(trained.signals)], None, lambda _: None)
    worker = begin(settings.environment(), "worker")
    try:
        with sending(settings.bus) as send, served(settings, LEADS) as (_, freshness):
            seconds = measure(freshness, send)
    finally:
        worker.tell(SIGTERM)
    assert worker.ended() == 0
    with capsys.disabled():
        print("\nNATS, PostgreSQL, Redis:", shown(seconds))  # noqa: T201
    assert np.quantile(seconds, 0.99) < 2
