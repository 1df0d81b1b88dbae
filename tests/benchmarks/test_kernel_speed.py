"""The bulk fold of the standard service, beside the exponentials that no fold can do without.

Read the group as a ratio: both run on the same machine in the same minute. One event of a family
takes two exponentials a half-life, and two more for the intensity.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.signals import Signal
from domain.state import Events, empty, half_lives_of, layout_of
from feature_repo.standard import standard_service
from signals.events.feature_matching import MatchedColumns, Matcher
from signals.store import state_kernels
from tests.features.events import BEGIN, accepted

EVENTS, LEADS, DAYS = 1_000_000, 20_000, 90
LEAST = 1_000_000
"""Events a second, on one core."""

D = standard_service()
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("web.page_viewed", {"page": "pricing"}),
    ("web.page_viewed", {"page": "docs"}),
    ("web.page_viewed", {"page": "blog"}),
    ("web.page_viewed", {"page": "home"}),
    ("marketing.email_sent", {}),
    ("marketing.email_opened", {}),
    ("product.feature_used", {"feature": "report"}),
    ("product.feature_used", {"feature": "invite"}),
    ("support.ticket_opened", {"severity": "high", "topic": "billing"}),
    ("crm.lead_updated", {"employees": 12, "country": "DE"}),
)


@pytest.fixture(scope="module")
def log() -> Events:
    """Events sorted by lead and time, matched as the real matcher does."""
    matcher, each, random = Matcher(D), MatchedColumns(), np.random.default_rng(1)
    for name, (kind, data) in enumerate(KINDS):
        who: dict[str, str | list[str]] = {"cookie": "a"}
        signal = Signal(id=str(name), source="b", type=kind, time=BEGIN, identifiers=who, data=data)
        matcher.add(accepted(signal), 0, each)
    rows = random.integers(0, LEADS, EVENTS)
    times = BEGIN.timestamp() + random.random(EVENTS) * DAYS * 86_400
    order = np.lexsort((times, rows))
    drawn = random.integers(0, len(KINDS), EVENTS)
    return repeated(each.events(), drawn)._replace(rows=rows[order], times=times[order])


def repeated(each: Events, drawn: NDArray[np.int64]) -> Events:
    """The events of these numbers, one after the other."""
    starts, at = ragged(each.starts, drawn)
    number_starts, number_at = ragged(each.number_starts, drawn)
    return Events(
        rows=drawn,
        times=each.times[drawn],
        ties=np.random.default_rng(2).integers(1, 2**52, len(drawn)).astype(np.float64),
        starts=starts,
        families=each.families[at],
        values=each.values[at],
        number_starts=number_starts,
        number_slots=each.number_slots[number_at],
        number_values=each.number_values[number_at],
    )


def ragged(
    starts: NDArray[np.int64], drawn: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.diff(starts)[drawn]
    new = np.concatenate([[0], np.cumsum(lengths)])
    return new, np.repeat(starts[:-1][drawn] - new[:-1], lengths) + np.arange(new[-1])


@pytest.mark.benchmark(group="bulk fold")
def test_kernel_fold(benchmark: Any, log: Events) -> None:
    lives = half_lives_of(D)
    state_kernels.fold(empty(layout_of(D), LEADS), log, 0, 10, lives)  # compiles

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (empty(layout_of(D), LEADS), log, 0, EVENTS, lives), {}

    benchmark.extra_info["events"] = EVENTS
    benchmark.pedantic(state_kernels.fold, setup=fresh, rounds=5)
    assert EVENTS / benchmark.stats.stats.min >= LEAST


@pytest.mark.benchmark(group="bulk fold")
def test_its_exponentials_alone(benchmark: Any, log: Events) -> None:
    each = 2 * len(D.half_lives_days) * len(log.families) + 2 * EVENTS
    ages = -np.random.default_rng(3).random(each)
    out = np.empty_like(ages)
    benchmark.pedantic(np.exp2, args=(ages, out), rounds=5)
