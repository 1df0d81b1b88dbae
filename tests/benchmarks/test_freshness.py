"""How long a signal takes from `POST /events` to its effect in `POST /score`, embedded."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from domain.signals import Signal
from tests.soak.freshness import Freshness, Send, served

LEADS = [f"L-{person:07d}" for person in range(20)]


@pytest.fixture
def measured(own_home: Settings) -> Iterator[tuple[Freshness, Send]]:
    with served(own_home, LEADS) as (client, freshness):

        def post(signal: Signal) -> None:
            client.send_events([msgspec.to_builtins(signal)])

        yield freshness, post


def test_from_acceptance_to_effect(benchmark: Any, measured: tuple[Freshness, Send]) -> None:
    freshness, post = measured
    benchmark.pedantic(freshness.one_s, args=(post,), rounds=100, warmup_rounds=10)
