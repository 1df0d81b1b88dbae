"""Scoring's metrics on the service's `/metrics`: answers, latency, staleness, scores, stages.

Everything here is on the way of each request. Children of labels are looked up once and kept;
labels are bounded: arms, versions that served in this process, problem types, reasons, stages.
The metrics library is imported when the first worker opens (see `intake_metrics`).
"""

from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from time import perf_counter
from types import TracebackType
from typing import Any, NamedTuple

from msgspec.structs import asdict

from domain.ports import BREAKERS, DEGRADED_BY, NullObserver, Observer
from domain.scores import ScoreAnswer
from serving.problems import SLUGS, slug_of
from telemetry.attributes import recording, tag

LATENCY_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
STAGE_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
STALENESS_S = (1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000)
SCORES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NONE = ""
"""The arm and the versions of an answer that was none."""
ARMS = ("champion", "challenger", "holdout")
STAGES = ("features", "score", "policy", "audit", "ingest")
MOST_TIMED = 64
"""Stages that wait to be observed, until the answer that they were timed for is told."""
TIMED_OUT = "timed-out"
"""The outcome of a request that was given up before it was answered."""


class ScoreInstruments(NamedTuple):
    """The Prometheus instruments of scoring."""

    answers: Any
    seconds: Any
    staleness: Any
    score: Any
    degraded: Any
    breaker: Any
    stage: Any


@lru_cache(maxsize=1)
def instruments() -> ScoreInstruments:
    """The instruments of this process: their names may be registered once."""
    from prometheus_client import Counter, Gauge, Histogram

    return ScoreInstruments(
        answers=Counter(
            "leadscore_answers",
            "Leads answered: ok, degraded; requests refused: the problem's type.",
            ["arm", "model", "policy", "outcome"],
        ),
        seconds=Histogram(
            "leadscore_answer_seconds",
            "From a request's arrival to its answer, by the arm of its first lead.",
            ["endpoint", "arm"],
            buckets=LATENCY_S,
        ),
        staleness=Histogram(
            "leadscore_feature_staleness_seconds",
            "Age of the newest event in the features of an answer.",
            buckets=STALENESS_S,
        ),
        score=Histogram(
            "leadscore_score", "Calibrated scores, by model version.", ["model"], buckets=SCORES
        ),
        degraded=Counter("leadscore_degraded", "Degraded answers, by reason.", ["arm", "reason"]),
        breaker=Gauge(
            "leadscore_breaker_open",
            "1 while a store is not asked because it failed of late, in any worker.",
            ["store"],
            multiprocess_mode="livemax",
        ),
        stage=Histogram("leadscore_stage_seconds", "Time of a stage.", ["stage"], buckets=STAGE_S),
    )


@lru_cache(maxsize=1_024)
def _answers(arm: str, model: str, policy: str, outcome: str) -> Any:
    return instruments().answers.labels(arm, model, policy, outcome)


@lru_cache(maxsize=64)
def _seconds(endpoint: str, arm: str) -> Any:
    return instruments().seconds.labels(endpoint, arm)


@lru_cache(maxsize=256)
def _score(model: str) -> Any:
    return instruments().score.labels(model)


@lru_cache(maxsize=64)
def _stage(name: str) -> Any:
    return instruments().stage.labels(name)


def begin() -> None:
    """Put all counters whose labels are known on the page, at 0: a rate sees the first count."""
    for kind in (*SLUGS, TIMED_OUT):
        _answers(NONE, NONE, NONE, kind)
    for arm in ARMS:
        for reason in DEGRADED_BY:
            instruments().degraded.labels(arm, reason)
    for name in BREAKERS:
        instruments().breaker.labels(name).set(0)
    for name in STAGES:
        _stage(name)


def count_answers(answers: Sequence[ScoreAnswer], seconds: float, endpoint: str = "score") -> None:
    """A request to an endpoint was answered with these, so many seconds after it arrived."""
    if not answers:
        return
    for answer in answers:
        versions = answer.versions
        outcome = "degraded" if answer.degraded else "ok"
        _answers(answer.arm, versions.model, versions.policy, outcome).inc()
        _score(versions.model).observe(answer.score)
        instruments().staleness.observe(answer.staleness_s)
    _seconds(endpoint, answers[0].arm).observe(seconds)
    observe_stages()


def tag_answers(answers: Sequence[ScoreAnswer]) -> None:
    """Say on the current span, where it is recorded, what a request is answered with."""
    if answers and recording():
        first = answers[0]
        tag({"arm": first.arm, "rows": len(answers), **asdict(first.versions)})


_timed: deque[tuple[Any, float]] = deque()
"""Stages that ended, and are not observed yet: by their children, in seconds."""


def observe_stages() -> None:
    """Tell Prometheus of the stages that ended: where nobody waits for an answer."""
    while _timed:
        try:
            child, seconds = _timed.popleft()
        except IndexError:  # another thread was quicker
            return
        child.observe(seconds)


def refused(error: BaseException) -> None:
    """Count a refused request; an unexpected error counts as `internal`."""
    kind = slug_of(error) if isinstance(error, Exception) else TIMED_OUT
    _answers(NONE, NONE, NONE, kind).inc()
    tag({"outcome": kind})
    observe_stages()


class StageMetrics:
    """A watch that times stages for Prometheus, round another watch."""

    def __init__(self, inner: Observer) -> None:
        # a watch that does nothing is not asked at each stage
        self._inner = None if isinstance(inner, NullObserver) else inner

    def stage(self, name: str, parents: Sequence[str] = ()) -> AbstractContextManager[object]:
        """Time the block."""
        return _Timed(_stage(name), self._inner.stage(name, parents) if self._inner else None)

    def degraded(self, arm: str, reason: str) -> None:
        """Count it."""
        instruments().degraded.labels(arm, reason).inc()
        if self._inner:
            self._inner.degraded(arm, reason)

    def breaker(self, name: str, is_open: int) -> None:
        """Show it."""
        instruments().breaker.labels(name).set(is_open)


class _Timed:
    __slots__ = ("_began", "_child", "_inner")

    def __init__(self, child: Any, inner: AbstractContextManager[object] | None) -> None:
        self._child = child
        self._inner = inner

    def __enter__(self) -> None:
        if self._inner is not None:
            self._inner.__enter__()
        self._began = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        _timed.append((self._child, perf_counter() - self._began))
        if len(_timed) >= MOST_TIMED:
            observe_stages()
        if self._inner is not None:
            self._inner.__exit__(kind, error, where)
