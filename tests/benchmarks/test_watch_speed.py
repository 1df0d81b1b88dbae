"""What it costs to be watched: metrics and spans of a request beside the answer itself."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from domain.ports import NullObserver, Observer
from domain.scores import ScoreAnswer
from serving.http import openapi_examples
from serving.metrics.score_metrics import StageMetrics, count_answers
from telemetry.traces import provider_of
from tests.benchmarks.bars import bar
from tests.conftest import ROOT
from wiring.scoring import open_scoring

ANSWER = [msgspec.convert(openapi_examples.ANSWER, ScoreAnswer)]
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


def stages(watch: Observer) -> None:
    for name in STAGES:
        with watch.stage(name):
            pass


def metrics_us() -> float:
    """The metrics of one request."""
    watch = StageMetrics(NullObserver())

    def watched() -> None:
        count_answers(ANSWER, 0.004)
        stages(watch)

    return cost_us(watched, 1_000)


def in_service(folder: Path) -> str:
    """The same in a process whose metrics are shared, as the service's are."""
    told_how = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    ask = f"from {__name__} import metrics_us; print(metrics_us())"
    command = [sys.executable, "-c", ask]
    return subprocess.run(
        command, env=told_how, capture_output=True, text=True, check=True
    ).stdout.split()[-1]


def test_a_request_that_is_watched(benchmark: Any, tmp_path: Path, own_home: Settings) -> None:
    """Metrics at most a tenth of the answer; without a collector, a span costs next to nothing."""
    scoring = open_scoring(own_home)
    lead = next(ref.lead_id for ref in scoring.plane.directory.all())
    nothing = NullObserver()
    off = provider_of(Settings(), "bench").get_tracer("bench")

    def span() -> None:
        with off.start_as_current_span("POST /score"):
            pass

    answer = cost_us(lambda: scoring.answerer.score([lead]), 60)
    costs = {
        "answer_us": answer,
        "metrics_us": float(in_service(tmp_path)),
        "unwatched_us": cost_us(lambda: stages(nothing), 1_000),
        "span_off_us": cost_us(span, 1_000),
    }
    benchmark.extra_info.update({name: round(cost, 1) for name, cost in costs.items()})
    benchmark.pedantic(lambda: stages(nothing), rounds=5, iterations=200)
    bar(benchmark, "metrics of a request", "its answer", costs["metrics_us"] / answer, at_most=0.1)
    assert costs["unwatched_us"] + costs["span_off_us"] < answer / 20
