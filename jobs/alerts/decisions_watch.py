"""What recent decisions say: degraded answers, and features that hear of nothing new."""

from collections.abc import Iterator
from itertools import islice

from domain.clock import DAY, to_us
from jobs.alerts.watch import UNKNOWN, Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting
from monitoring.objectives import DEGRADED_ALARM
from storage.engine import has_database
from wiring.clock import clock_of
from wiring.decisions import open_trail
from wiring.signals import open_signals

MOST = 50_000
"""So many decisions of the window are looked at."""
FRESHEST = 0.01
"""The share of answers with the newest features by which all are judged."""


def watch_decisions(watched: Watched) -> AlarmLook:
    """The share of degraded answers, and how old the freshest features are.

    A lead that was quiet for months has old features, and rightly so; where even the freshest
    hundredth of answers rests on old ones, nothing arrives.
    """
    settings, limits = watched.settings, watched.rules.limits
    if not has_database(settings.audit_db):
        return UNKNOWN
    trail = open_trail(settings)
    since_us = _now_us(watched) - round(limits.window_hours * DAY / 24)
    degraded, staleness = 0, list[float]()
    for record in islice(trail.records(since_us), MOST):
        degraded += record.answer.degraded
        staleness.append(record.answer.staleness_s)
    if len(staleness) < limits.least_decisions:
        return UNKNOWN
    return looked(
        ("answers-degraded", "features-stale"),
        [*_degraded(degraded, len(staleness)), *_stale(sorted(staleness), limits.stale_hours)],
    )


def _degraded(degraded: int, decisions: int) -> Iterator[Sighting]:
    if degraded > DEGRADED_ALARM * decisions:
        share = f"{degraded / decisions:.1%} of {decisions:,} decisions are degraded"
        yield Sighting(
            kind="answers-degraded",
            subject="answers",
            evidence=(share,),
            acted="they were answered with less, as docs/degradation.md says",
        )


def _stale(staleness: list[float], limit_hours: float) -> Iterator[Sighting]:
    hours = staleness[int(FRESHEST * len(staleness))] / 3600
    if hours > limit_hours:
        freshest = f"99% of {len(staleness):,} decisions rest on features older than"
        evidence = (f"{freshest} {hours:.1f} hours, the limit is {limit_hours:g}",)
        yield Sighting(kind="features-stale", subject="features", evidence=evidence)


def _now_us(watched: Watched) -> int:
    if watched.settings.clock == "system":
        return watched.now_us
    plane = open_signals(watched.settings)
    return to_us(clock_of(watched.settings, plane.directory).now())
