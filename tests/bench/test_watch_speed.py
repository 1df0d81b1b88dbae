"""What it costs to be watched: metrics and spans of a request beside the answer itself."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from domain.ports import Unwatched, Watch
from domain.scores import ScoreAnswer
from serving import examples
from serving.score_metrics import StageMetrics, told
from tests.conftest import Trained
from wiring.scoring import open_scoring
from wiring.settings import Settings
from wiring.traces import provider_of

ANSWER = [msgspec.convert(examples.ANSWER, ScoreAnswer)]
STAGES = ("features", "score", "policy", "audit")


def cost_us(work: Callable[[], object], rounds: int) -> float:
    """Processor time of one call, the least of five runs."""
    work()
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, (time.process_time() - began) / rounds)
    return 1e6 * best


def stages(watch: Watch) -> None:
    for name in STAGES:
        with watch.stage(name):
            pass


def test_a_request_that_is_watched(benchmark: Any, trained: Trained, own_home: Settings) -> None:
    """Metrics at most a tenth of the answer; without a collector, a span costs next to nothing."""
    scoring = open_scoring(own_home)
    lead = next(ref.lead_id for ref in scoring.plane.directory.all())
    metrics, nothing = StageMetrics(Unwatched()), Unwatched()
    off = provider_of(Settings(), "bench").get_tracer("bench")

    def watched() -> None:
        told(ANSWER, 0.004)
        stages(metrics)

    def span() -> None:
        with off.start_as_current_span("POST /score"):
            pass

    answer = cost_us(lambda: scoring.answerer.score([lead]), 60)
    costs = {
        "answer_us": answer,
        "metrics_us": cost_us(watched, 1_000),
        "unwatched_us": cost_us(lambda: stages(nothing), 1_000),
        "span_off_us": cost_us(span, 1_000),
    }
    benchmark.extra_info.update({name: round(cost, 1) for name, cost in costs.items()})
    benchmark.pedantic(watched, rounds=5, iterations=200)
    assert costs["metrics_us"] < answer / 10
    assert costs["unwatched_us"] + costs["span_off_us"] < answer / 20
