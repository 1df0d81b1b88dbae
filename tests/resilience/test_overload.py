"""More load than the service bears: refused early, told when to come again, over at once."""

import json
import time

import httpx
import pytest

from config.settings import Settings
from serving.supervisor import running
from tests.benchmarks.load import load
from tests.resilience.conftest import lead_ids
from wiring.scoring import open_scoring

HASTY = "tests.resilience.hasty:Hasty"
CROWD = 400
"""Connections that each ask again at once: whatever is refused comes back immediately."""
BOUND_S = 3.0
"""Hundredths of a second of work may wait; a machine that others use too is given far more."""


@pytest.mark.slow
def test_a_crowd_is_answered_or_told_to_wait_and_leaves_nothing_behind(own_home: Settings) -> None:
    bodies = [json.dumps({"lead_id": i}) for i in lead_ids(open_scoring(own_home), 200)]
    with running(own_home, service=HASTY) as url, httpx.Client(base_url=url, timeout=30) as client:
        told = load(url, "/score", bodies, connections=CROWD, seconds=3)
        began = time.monotonic()
        after = client.post("/score", json=json.loads(bodies[0]))
        took = time.monotonic() - began
    assert set(told.statuses) == {"200", "429"}, "every 429 has Retry-After"
    assert told.p99_of["200"] < BOUND_S
    assert told.p99_of["429"] < BOUND_S
    assert after.status_code == 200
    assert took < BOUND_S
