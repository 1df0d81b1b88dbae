"""What the access check costs a request, beside encoding one answer in the same run."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from serving.http import openapi_examples
from tests.benchmarks.bars import bar
from tests.serving.issuer import AUDIENCE, ISSUER, Issuer

ROUND = 2_000
MOST = 12
"""Answers encoded in the time of one check: above this it is no longer lost in a request."""


def seconds_of(work: Callable[[], object], rounds: int) -> float:
    """The least processor time of one call, over five rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, (time.process_time() - began) / rounds)
    return best


@pytest.mark.parametrize("sent", ["nothing", "key", "token"])
def test_a_request_let_in(benchmark: Any, sent: str) -> None:
    """Through the layer with a rate, less through nothing."""
    from serving.auth.jwks import Signers, signers
    from serving.auth.jwt_tokens import JwtChecker
    from serving.auth.polled_value import PolledValue
    from serving.auth.rate_limit import RateLimiter
    from tests.serving.test_access_rules import GOOD, LOCAL, Layer, bearing

    issuer = Issuer()
    followed: PolledValue[Signers] = PolledValue(
        "k", lambda: signers(issuer.document()), every_s=300, keep_s=900
    )
    followed.refresh()
    layer = Layer(JwtChecker(followed, ISSUER, AUDIENCE), RateLimiter(1e9, 1_000_000))
    headers = {"nothing": LOCAL, "key": bearing(GOOD), "token": bearing(issuer.token())}[sent]
    usual = [(b"accept", b"*/*"), (b"user-agent", b"x"), (b"content-length", b"2")]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/leads",
        "headers": [*headers, *usual],
    }
    scope |= {"server": ("127.0.0.1", 3000), "client": ("127.0.0.1", 5)}

    async def through(app: Any) -> float:
        began = time.process_time()
        for _ in range(ROUND):
            await app(dict(scope), None, None)
        return (time.process_time() - began) / ROUND

    def cost() -> float:
        layer.inside.came.clear()
        with_it = asyncio.run(through(layer.access))
        layer.inside.came.clear()
        return with_it - asyncio.run(through(layer.inside))

    costs = [cost() for _ in range(9)]
    benchmark.pedantic(cost, rounds=3)
    answer = seconds_of(lambda: msgspec.json.encode(openapi_examples.ANSWER), ROUND)
    benchmark.extra_info["us_a_request"] = round(min(costs) * 1e6, 2)
    benchmark.extra_info["times_encoding_one_answer"] = round(min(costs) / answer, 2)
    assert not layer.counted
    what, beside = "a request let in", "encoding one answer"
    bar(benchmark, what, beside, min(costs) / answer, at_most=MOST)
