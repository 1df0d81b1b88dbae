"""The loop of scores and actions, run through the product's own features and a learnt model.

Draws the picture of docs/value.md:

    python -m tests.simulation.feeding_loop docs/pictures/value-feedback.svg
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier
from numpy.typing import NDArray

from domain.signals import Signal
from domain.state import empty, half_lives_of, layout_of
from feature_repo.features import numbers
from feature_repo.standard import standard_service
from signals.events.feature_matching import MatchedColumns, Matcher
from signals.store import state_kernels
from simulation.self_feeding_leads import BEGIN, SelfFeedingLeads, self_feeding_leads
from tests.features.events import accepted

D = standard_service()
HORIZON = 14
LEARNT_AT = (20, 25, 30, 35)
"""Days at which the model sees leads that nobody worked."""
FIRST, LAST = 20, 35
"""The day of the first decisions, and the last one."""


class Pipeline:
    """Features of leads, by the matcher and the kernels that stream and replay use."""

    def __init__(self, n: int) -> None:
        self._states = empty(layout_of(D), n)
        self._matcher = Matcher(D)
        self._accounts = np.zeros((n, layout_of(D).account_width))

    def take(self, signals: Sequence[tuple[int, Signal]]) -> None:
        """Fold a day's signals, each with its lead's number."""
        columns = MatchedColumns()
        for lead, signal in signals:
            self._matcher.add(accepted(signal), lead, columns)
        state_kernels.fold(self._states, columns.events(), 0, len(signals), half_lives_of(D))

    def features(self, day: int) -> NDArray[np.float64]:
        """The number features [n, features] at the end of a day."""
        now = (BEGIN + timedelta(days=day + 1)).timestamp()
        moments = np.full(len(self._states), now)
        return numbers(D, self._states, self._accounts, moments)


def learnt(n: int, seed: int) -> CatBoostClassifier:
    """A model of leads that nobody worked."""
    leads, pipeline = self_feeding_leads(n, seed, marked=True), Pipeline(n)
    rows = []
    for day in range(max(LEARNT_AT) + 1):
        pipeline.take(leads.day(day, [False] * n))
        if day in LEARNT_AT:
            rows.append(pipeline.features(day))
    rng = np.random.default_rng(seed)
    y = [rng.random(n) < leads.converts_within(HORIZON) for _ in rows]
    model = CatBoostClassifier(
        iterations=120,
        depth=4,
        learning_rate=0.06,
        verbose=False,
        thread_count=1,
        allow_writing_files=False,
        random_seed=1,
    )
    return model.fit(np.concatenate(rows), np.concatenate(y))


@dataclass(frozen=True)
class Looped:
    """What a loop leaves: mean scores by day, and each lead's first and last scores and draws."""

    leads: SelfFeedingLeads
    told: list[float]
    score: NDArray[np.float64]
    worked: NDArray[np.bool_]
    chance: NDArray[np.float64]

    def outcomes(self, seed: int) -> NDArray[np.bool_]:
        """What becomes of the leads within the horizon of the last day."""
        rng = np.random.default_rng([seed, 3])
        return np.asarray(rng.random(len(self.leads)) < self.leads.converts_within(HORIZON))


def looped(model: CatBoostClassifier, n: int, seed: int, *, marked: bool) -> Looped:
    """Score every day from FIRST on, and work by score: the upper third nearly always.

    Who is worked is drawn on the first day with chances of 0.9 and 0.2, and again by score on every
    day for the others.
    """
    leads, pipeline = self_feeding_leads(n, seed, marked=marked), Pipeline(n)
    rng = np.random.default_rng([seed, 4])
    draw = rng.random(n)
    worked, first = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    chance, threshold, told = np.zeros(n), 0.0, []
    score = np.zeros(n)
    for day in range(LAST + 1):
        pipeline.take(leads.day(day, worked.tolist()))
        if day < FIRST:
            continue
        score = model.predict_proba(pipeline.features(day))[:, 1]
        told.append(float(score.mean()))
        if day == FIRST:
            threshold = float(np.quantile(score, 2 / 3))
            chance = np.where(score > threshold, 0.9, 0.2)
        # the draw of the first day stays with the lead: a higher score later works it as well
        worked = draw < np.where(score > threshold, 0.9, 0.2)
        first = worked if day == FIRST else first
    return Looped(leads, told, score, first, chance)


def picture(marked: Looped, unmarked: Looped) -> str:
    """Mean scores by day in both, and the truth, as SVG."""
    truth = float(marked.leads.converts_within(HORIZON).mean())
    top = 1.15 * max(*unmarked.told, truth)
    width, height, left = 640, 260, 60

    def line(values: Sequence[float], colour: str, dash: str, name: str) -> str:
        step = (width - left - 160) / (len(values) - 1)
        rise = (height - 50) / top
        points = [(left + at * step, height - 30 - v * rise) for at, v in enumerate(values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        x, y = points[-1]
        return (
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
            f'<text x="{x + 6:.0f}" y="{y + 4:.0f}" fill="{colour}">{name} {values[-1]:.3f}</text>'
        )

    days, floor = len(marked.told), height - 30
    lines = [
        line([truth] * days, "#555", "2 4", "truth"),
        line(unmarked.told, "#c0392b", "none", "unmarked"),
        line(marked.told, "#2b6cb0", "none", "marked"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="{left}" y="16" fill="#222">'
        "Mean score of all leads, by day since we began to work them</text>"
        f'<line x1="{left}" y1="{floor}" x2="{width - 160}" y2="{floor}" stroke="#999"/>'
        f'<text x="{left}" y="{height - 12}" fill="#222">day 0</text>'
        f'<text x="{width - 190}" y="{height - 12}" fill="#222">day {days - 1}</text>'
        + "".join(lines)
        + "</svg>\n"
    )


if __name__ == "__main__":
    MODEL = learnt(2_500, 1)
    both = [looped(MODEL, 2_000, 2, marked=marked) for marked in (True, False)]
    Path(sys.argv[1]).write_text(picture(*both))
