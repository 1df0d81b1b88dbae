"""How good a version is on time that it has not seen, beside baselines on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.clock import iso
from domain.measurement import Interval
from measures import observed_expected
from measures.calibration import bins_of, decompose, log_losses
from measures.calibration_error import calibration_error
from measures.ranking import gains
from measures.resampling import ResampledMeasure, Resampling, share_of
from measures.utility import decision_curve
from training.data.dataset import Dataset
from training.evaluation.baselines import Scores
from training.evaluation.results import Band, Benefit, Evaluation, Rival, Slice, defined

Array = NDArray[np.float64]
GradeCuts = Sequence[tuple[str, float]]
"""Names of grades with their least probability, the best first, the last at 0."""

SHARES = (0.01, 0.05, 0.1, 0.2, 0.3)
BINS = 10
THRESHOLDS = 40
SLICES = 6
DRAWS = 500


def evaluate(
    test: Dataset,
    chance: Array,
    rivals: Sequence[Scores] = (),
    *,
    seed: int,
    grades: GradeCuts = (),
    draws: int = DRAWS,
) -> Evaluation:
    """All that is measured of probabilities `chance` [n] of a test, with intervals by account.

    `rivals` are baselines on the same rows; differences to them are paired. Rows count by weight.
    """
    labels, weights = test.labels.astype(np.float64), test.weights
    drawn = Resampling(test.groups, len(labels), seed=seed, draws=draws, w=weights)
    mine = _drawn(drawn, labels, chance)
    cuts = thresholds(chance)
    scored = _Told(labels, chance, test.groups, weights)
    curve = gains(labels, chance, weights)
    tenths = bins_of(chance, weights, BINS)
    return Evaluation(
        rows=len(labels),
        positives=int(labels.sum()),
        metrics=_intervals(mine, scored),
        brier=asdict(decompose(labels, chance, weights, bins=BINS)),
        reliability=bands(drawn, labels, chance, tenths, [str(i + 1) for i in range(BINS)]),
        tenths=bands(drawn, labels, chance, BINS - 1 - tenths, _names()),
        grades=graded(drawn, labels, chance, grades),
        inverted=inverted_grades(scored, grades),
        gains=tuple(np.interp(np.linspace(0, 1, 101), curve.share, curve.captured).tolist()),
        benefit=_benefit(drawn, labels, chance, cuts),
        slices=slices(test, chance, seed=seed, draws=draws),
        rivals=tuple(_rival(drawn, test, mine, other, cuts) for other in rivals),
    )


def thresholds(chance: Array) -> Array:
    """Probabilities at which someone could act: from 1% to what only the best leads reach."""
    most = float(np.clip(np.quantile(chance, 0.99), 0.1, 0.95))
    return np.linspace(0.01, most, THRESHOLDS)


def bands(
    drawn: Resampling, labels: Array, chance: Array, place: NDArray[np.int64], names: Sequence[str]
) -> tuple[Band, ...]:
    """Rows by band: `place` [n] says which of `names` each is in. Bands without rows are left out.

    An observed rate's interval is clustered by account.
    """
    inside = (place[:, None] == np.arange(len(names))).astype(np.float64)
    rates = drawn.ratios(inside * labels[:, None], inside)
    means, shares = drawn.ratios(inside * chance[:, None], inside), drawn.ratios(inside)
    overall, sizes = drawn.mean(labels).value, drawn.effective(inside)
    return tuple(
        Band(
            name=names[i],
            share=shares[i].value,
            predicted=means[i].value,
            observed=share_of(rates[i], sizes[i]),
            lift=rates[i].value / overall if overall else float("nan"),
        )
        for i in range(len(names))
        if shares[i].value > 0
    )


def graded(drawn: Resampling, labels: Array, chance: Array, grades: GradeCuts) -> tuple[Band, ...]:
    """Rows by grade: the best whose least probability they reach."""
    if not grades:
        return ()
    names = [name for name, _ in grades]
    return bands(drawn, labels, chance, grade_of(chance, grades), names)


def grade_of(chance: Array, grades: GradeCuts) -> NDArray[np.int64]:
    """The place of each row's grade [n], 0 for the best."""
    reached = np.array([chance >= least for _, least in grades])
    return np.asarray(reached.argmax(axis=0), dtype=np.int64)


def inverted_grades(scored: "_Told", grades: GradeCuts) -> tuple[tuple[str, str], ...]:
    """Neighbouring grades of which the better is shown to convert less than the next."""
    if not grades:
        return ()
    names, place = [name for name, _ in grades], grade_of(scored.chance, grades)
    pairs = observed_expected.inverted(scored.labels, place, scored.groups, scored.w)
    return tuple((names[better], names[other]) for better, other in pairs)


def slices(test: Dataset, chance: Array, *, seed: int, draws: int) -> tuple[Slice, ...]:
    """Measures by part of the test's time: parts of about as many rows, moments kept whole."""
    ranks = np.sort(test.moments)[(np.arange(SLICES) * len(test)) // SLICES]
    begins = np.unique(ranks)
    place = np.searchsorted(begins, test.moments, side="right") - 1
    bands = []
    for i, begin in enumerate(begins.tolist()):
        rows = place == i
        labels, mine = test.labels[rows].astype(np.float64), chance[rows]
        drawn = Resampling(
            test.groups[rows], len(labels), seed=seed, draws=draws, w=test.weights[rows]
        )
        bands.append(
            Slice(
                begins=iso(begin),
                rows=len(labels),
                positives=int(labels.sum()),
                predicted=drawn.mean(mine).value,
                observed=share_of(
                    drawn.mean(labels), drawn.effective(np.ones((len(labels), 1)))[0]
                ),
                auroc=defined(drawn.ranking(labels, mine, ())["auroc"].interval()),
                brier=drawn.mean((mine - labels) ** 2).interval(),
            )
        )
    return tuple(bands)


def _names() -> list[str]:
    """Of the tenths, the best first."""
    return [f"{100 - 10 * (i + 1)} to {100 - 10 * i}%" for i in range(BINS)]


def _drawn(drawn: Resampling, labels: Array, chance: Array) -> dict[str, ResampledMeasure]:
    """Ranking and proper scores, on every draw."""
    return {
        **drawn.ranking(labels, chance, SHARES),
        "brier": drawn.mean((chance - labels) ** 2),
        "log_loss": drawn.mean(log_losses(labels, chance)),
    }


class _Told(NamedTuple):
    """What was told of rows [n], and what came of them."""

    labels: Array
    chance: Array
    groups: NDArray[np.int64]
    w: Array

    def best(self) -> "_Told":
        """The rows of the best tenth, or where more are told the same, of these."""
        place = bins_of(self.chance, self.w, BINS)
        rows = place == place.max()
        return _Told(self.labels[rows], self.chance[rows], self.groups[rows], self.w[rows])


def _intervals(measured: Mapping[str, ResampledMeasure], scored: _Told) -> dict[str, Interval]:
    best = scored.best()
    return {
        **{name: one.interval() for name, one in measured.items()},
        "calibration_error": calibration_error(*scored),
        "came_by_told": observed_expected.came_by_told(*scored),
        "came_by_told_at_10pct": observed_expected.came_by_told(*best),
    }


def _benefit(drawn: Resampling, labels: Array, chance: Array, cuts: Array) -> Benefit:
    acted = (chance[:, None] >= cuts).astype(np.float64)
    worth = labels[:, None] - (1 - labels[:, None]) * (cuts / (1 - cuts))
    benefits = drawn.ratios(acted * worth)
    everyone = decision_curve(labels, chance, cuts, drawn.w).everyone
    return Benefit(
        thresholds=tuple(cuts.tolist()),
        score=tuple(one.interval() for one in benefits),
        everyone=tuple(everyone.tolist()),
    )


def _rival(
    drawn: Resampling,
    test: Dataset,
    mine: Mapping[str, ResampledMeasure],
    other: Scores,
    cuts: Array,
) -> Rival:
    if other.chance is None:
        return Rival(name=other.name, note=other.note)
    labels = test.labels.astype(np.float64)
    theirs = _drawn(drawn, labels, other.chance)
    return Rival(
        name=other.name,
        note=other.note,
        metrics=_intervals(theirs, _Told(labels, other.chance, test.groups, drawn.w)),
        over={name: (mine[name] - theirs[name]).interval() for name in mine},
        benefit=tuple(decision_curve(labels, other.chance, cuts, drawn.w).score.tolist()),
    )
