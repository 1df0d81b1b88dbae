"""From log-odds to probabilities: fits calibrators, and takes one only where it wins clearly.

A calibrator is learnt from what models of most of the rows told of the others, for the map of a
weak model, put on a strong one, makes it worse; and `none` stands unless log loss on later time is
shown to be lower. `docs/training.md` has what this comes to where outcomes are rare.

`shift` only moves all log-odds, to the rate of the rows: a model that stops early has not arrived
at it, and few conversions show that long before they show a slope. Whatever kind was chosen, the
level of the latest rows may move it on (`training.model.rate_level`).

Every calibrator rises with the score, so that ranking is untouched: an isotonic one is tilted by
a hair where it would be level, for level parts would make ties of leads that differ. Where the
labels do not carry a kind, a simpler one takes its place: with one class `none` is all there is;
with fewer than FEW rows of the rarer class `beta` and `isotonic` become `platt`, and its slope is
drawn towards 1; a `platt` or `beta` that would not rise with the score becomes `none` or `platt`.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from domain.clock import DAY
from domain.measurement import Interval
from domain.scores import Calibrator, logistic
from measures.calibration import CLIP, log_losses
from measures.resampling import Resampling
from training.data.split import dealt, spans
from training.model import fit, rate_level

CalibratorKind = Literal["none", "shift", "platt", "beta", "isotonic"]
Array = NDArray[np.float64]

KINDS: tuple[CalibratorKind, ...] = ("none", "shift", "platt", "beta", "isotonic")
"""Simplest first: of kinds equally good, the simplest is chosen."""

LEVEL = 0.95
"""How sure it must be that a calibrator lowers the log loss, before it takes the place of none."""

FEW = 10
"""Rows of the rarer class below which only `platt` is fitted, with a slope drawn towards 1."""

TILT = 1e-4
"""The share of the logistic function in an isotonic calibrator: no probability moves by more."""

FLAT = 1e-6
"""A slope up to this is none."""


def fit_calibrators(
    margins: Array, y: Array, w: Array | None = None
) -> dict[CalibratorKind, Calibrator]:
    """A calibrator for each kind, or the simpler one that takes its place (see above).

    `margins` [n] are finite log-odds, `y` [n] labels 0 or 1, `w` [n] weights >= 0. Raises
    ValueError for others.
    """
    weights = np.ones(len(margins)) if w is None else np.asarray(w, dtype=np.float64)
    _check(margins, y, weights)
    counts = np.bincount(y[weights > 0].astype(np.int64), minlength=2)
    none = Calibrator()
    if counts.min() == 0:
        return dict.fromkeys(KINDS, none)
    few = bool(counts.min() < FEW)
    platt = _platt(margins, y, weights, pull=1.0 if few else 0.0) or none
    shift = Calibrator(shift=rate_level.shift(margins, y, weights, rate_level.PULL))
    if few:
        return {"none": none, "shift": shift, "platt": platt, "beta": platt, "isotonic": platt}
    beta = _beta(margins, y, weights) or platt
    return {
        "none": none,
        "shift": shift,
        "platt": platt,
        "beta": beta,
        "isotonic": _isotonic(margins, y, weights),
    }


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The calibrator chosen, and how much lower each one tried makes log loss on later time.

    `gains` are of the kinds over `none`, and of `level` over no shift; kinds and levels that could
    not be judged are left out.
    """

    calibrator: Calibrator
    gains: dict[str, Interval]


def calibrate(predictions: fit.OutOfFold, seed: int, embargo_days: float) -> Calibrated:
    """The calibrator of a model, from out-of-fold predictions of models as strong as it.

    A kind is chosen, then its level (see `training.model.rate_level`); `embargo_days` before a
    moment had not matured then.
    """
    labels = predictions.labels.astype(np.float64)
    chosen, gains = choose(
        predictions.margins,
        labels,
        predictions.moments,
        w=predictions.weights,
        groups=predictions.groups,
        seed=seed,
    )
    rows = rate_level.LevelRows(
        _log_odds(chosen.apply(predictions.margins)),
        labels,
        predictions.weights,
        predictions.moments,
        predictions.groups,
    )
    shift, gain = rate_level.judged(rows, int(embargo_days * DAY), seed)
    if gain is not None:
        gains["level"] = gain
        if gain.low > 0:
            chosen = msgspec.structs.replace(chosen, shift=chosen.shift + shift)
    return Calibrated(
        chosen, {k: g for k, g in gains.items() if np.isfinite([g.low, g.high]).all()}
    )


def _log_odds(chance: Array) -> Array:
    clipped = np.clip(chance, CLIP, 1 - CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)


def choose(
    margins: Array,
    y: Array,
    times: NDArray[np.int64],
    *,
    w: Array | None = None,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
    folds: int = 3,
) -> tuple[Calibrator, dict[str, Interval]]:
    """The calibrator that wins clearly, `none` where no kind does; and each kind's gain.

    Rows are cut by time into folds + 1 parts of about equal size, rows of one moment together.
    Each part but the first is judged by calibrators fitted on all before it. A kind's gain is how
    much lower its log loss is than that of `none`, with the interval of a bootstrap of `groups`
    [n]; of the kinds whose gain is above 0 with LEVEL the greatest wins, and is fitted again on
    every row. Where all rows have one moment, groups are dealt into parts instead, and each part
    is judged by calibrators fitted on the others.
    """
    if folds < 1:
        raise ValueError(f"folds == {folds}, must be >= 1")
    weights = np.ones(len(margins)) if w is None else np.asarray(w, dtype=np.float64)
    fitted = fit_calibrators(margins, y, weights)
    company = np.arange(len(margins)) if groups is None else groups
    judged = np.zeros(len(margins), dtype=np.bool_)
    chances = {kind: np.zeros(len(margins)) for kind in KINDS}
    for learnt, held_out in _parts(times, company, folds):
        judged |= held_out
        for kind, one in fit_calibrators(margins[learnt], y[learnt], weights[learnt]).items():
            chances[kind][held_out] = one.apply(margins[held_out])
    drawn = Resampling(company[judged], int(judged.sum()), seed=seed, w=weights[judged])
    losses = {kind: log_losses(y[judged], chances[kind][judged]) for kind in KINDS}
    gains = {k: drawn.mean(losses["none"] - losses[k]).interval(LEVEL) for k in KINDS[1:]}
    best = max(gains, key=lambda kind: gains[kind].value if gains[kind].low > 0 else 0.0)
    won = gains[best].low > 0
    return fitted[best] if won else Calibrator(), {str(k): gain for k, gain in gains.items()}


def _parts(
    times: NDArray[np.int64], groups: NDArray[np.int64], folds: int
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Rows to fit on and rows to judge by, as masks [n]."""
    by_time = [
        (times < start, (times >= start) & (times < end)) for start, end in spans(times, folds)
    ]
    if by_time:
        return by_time
    part = dealt(groups, folds + 1)
    return [(part != one, part == one) for one in np.unique(part)]


def _check(margins: Array, y: Array, w: Array) -> None:
    if not (len(margins) and margins.shape == y.shape == w.shape):
        raise ValueError(f"{margins.shape} margins, {y.shape} labels, {w.shape} weights")
    if not np.all(np.isfinite(margins)):
        raise ValueError("a margin is not finite")
    if np.any((y != 0) & (y != 1)):
        raise ValueError("a label is neither 0 nor 1")
    if not (np.all(np.isfinite(w)) and np.all(w >= 0)):
        raise ValueError("a weight is negative or not finite")


def _platt(margins: Array, y: Array, w: Array, *, pull: float) -> Calibrator | None:
    """Platt 1999, with its softened targets; None where probability does not rise with margin.

    `pull` is the weight of a penalty ½(a − 1)² on the slope.
    """
    positive, negative = float(w @ y), float(w @ (1 - y))
    targets = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    design = np.column_stack([margins, np.ones(len(margins))])
    a, b = _fit(design, targets, w, bounded=1, pull=pull)
    return Calibrator(kind="platt", coefficients=(a, b)) if a > FLAT else None


def _beta(margins: Array, y: Array, w: Array) -> Calibrator | None:
    """Kull, Silva Filho and Flach 2017, with a, b >= 0; None where both are 0."""
    # ln p and −ln(1 − p) of p = logistic(m)
    design = np.column_stack(
        [-np.logaddexp(0, -margins), np.logaddexp(0, margins), np.ones(len(margins))]
    )
    a, b, c = _fit(design, y, w, bounded=2, pull=0.0)
    return Calibrator(kind="beta", coefficients=(a, b, c)) if a + b > FLAT else None


def _isotonic(margins: Array, y: Array, w: Array) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    # no leaf of a step is certain: its ends are Laplace's, so that log loss stays finite
    edge = 1.0 / (float(w.sum()) + 2.0)
    model = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip")
    model.fit(margins, y, sample_weight=w)
    return Calibrator(
        kind="isotonic",
        coefficients=(TILT,),
        x=tuple(float(x) for x in model.X_thresholds_),
        y=tuple(float(v) for v in model.y_thresholds_),
    )


def _fit(
    design: Array, targets: Array, w: Array, *, bounded: int, pull: float
) -> tuple[float, ...]:
    """Logistic regression [columns] by likelihood; the first `bounded` coefficients are >= 0.

    `pull` is the weight of a penalty ½(x − 1)² on each of those.
    """
    total = w.sum()
    start = np.concatenate([np.ones(bounded), np.zeros(design.shape[1] - bounded)])

    def loss(x: Array) -> tuple[float, Array]:
        z = design @ x
        off = np.where(np.arange(len(x)) < bounded, x - 1, 0.0)
        value = w @ (np.logaddexp(0, z) - targets * z) + pull * (off @ off) / 2
        slope = design.T @ (w * (logistic(z) - targets)) + pull * off
        return float(value / total), slope / total

    bounds = [(0.0, None)] * bounded + [(None, None)] * (design.shape[1] - bounded)
    optimum = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9},
    )
    return tuple(float(x) for x in optimum.x)
