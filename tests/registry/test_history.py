"""What served when, by the ledger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.clock import FixedClock, to_us
from domain.errors import BadInput
from domain.versions.manifest import Stage
from jobs.decisions.history import window_of
from registry.promotion import promote
from registry.registry_state import fold
from registry.serving_history import stretches
from registry.store import Registry

DAY = timedelta(days=1)


def test_stretches_tell_what_served_at_every_moment(
    registry_at: Callable[..., Registry], sealed: Callable[..., Path], clock: FixedClock
) -> None:
    registry = registry_at()
    begin = clock.now()
    for _ in range(3):
        registry.register(sealed(), run_id=None, by="ann")
    clock.moment += DAY
    promote(registry, "1", Stage.CHAMPION, by="ann", reason="first")
    clock.moment += DAY
    promote(registry, "2", Stage.CHALLENGER, by="ann", reason="try")
    clock.moment += DAY
    promote(registry, "2", Stage.CHAMPION, by="ann", reason="better")
    clock.moment += DAY
    registry.rollback(by="ann", reason="alarm")
    found = stretches(registry.ledger.entries())
    assert [(s.champion, s.challenger, bool(s.rollout)) for s in found] == [
        ("lead-1", None, False),
        ("lead-1", "lead-2", True),
        ("lead-2", None, False),
        ("lead-1", None, False),
    ]
    assert [s.since_us for s in found] == [to_us(begin + n * DAY) for n in (1, 2, 3, 4)]
    assert [s.until_us for s in found] == [*(to_us(begin + n * DAY) for n in (2, 3, 4)), None]
    for hours in range(0, 130, 7):
        moment = begin + timedelta(hours=hours)
        at = [s.champion for s in found if s.meets(to_us(moment), to_us(moment))]
        by_then = (e for e in registry.ledger.entries() if e.at_us <= to_us(moment))
        champion = fold(by_then).champion
        assert at == ([champion] if champion else [])


def test_an_empty_ledger_has_no_stretch(registry_at: Callable[..., Registry]) -> None:
    assert stretches(registry_at().ledger.entries(), "policy") == []


def test_a_day_is_whole_and_a_moment_is_a_moment() -> None:
    day, moment = window_of("2026-03-01"), window_of("2026-03-01T12:00:00+02:00")
    assert day.first_us == to_us(datetime(2026, 3, 1, tzinfo=UTC))
    assert day.last_us + 1 == to_us(datetime(2026, 3, 2, tzinfo=UTC))
    assert moment.first_us == moment.last_us == to_us(datetime(2026, 3, 1, 10, tzinfo=UTC))
    for text in ("yesterday", "2026-02-30", "2026-03-01T12:00:00", ""):
        with pytest.raises(BadInput, match="rfc-3339"):
            window_of(text)
