"""From log-odds to probabilities: fits calibrators, and chooses one on later time.

Every calibrator rises with the score, so that ranking is untouched: an isotonic one is tilted by
a hair where it would be level, for level parts would make ties of leads that differ. Where the
labels do not carry a kind, a simpler one takes its place: with one class `none` is all there is;
with fewer than FEW rows of the rarer class `beta` and `isotonic` become `platt`, and its slope is
drawn towards 1; a `platt` or `beta` that would not rise with the score becomes `none` or `platt`.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from domain.scores import Calibrator, logistic
from measures.calibration import brier
from training import fit
from training.split import spans

Kind = Literal["none", "platt", "beta", "isotonic"]
Array = NDArray[np.float64]

KINDS: tuple[Kind, ...] = ("none", "platt", "beta", "isotonic")
"""Simplest first: of kinds equally good, the simplest is chosen."""

FEW = 10
"""Rows of the rarer class below which only `platt` is fitted, with a slope drawn towards 1."""

TILT = 1e-4
"""The share of the logistic function in an isotonic calibrator: no probability moves by more."""

FLAT = 1e-6
"""A slope up to this is none."""


def fit_calibrators(margins: Array, y: Array, w: Array | None = None) -> dict[Kind, Calibrator]:
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
    if few:
        return {"none": none, "platt": platt, "beta": platt, "isotonic": platt}
    beta = _beta(margins, y, weights) or platt
    return {
        "none": none,
        "platt": platt,
        "beta": beta,
        "isotonic": _isotonic(margins, y, weights),
    }


def calibrate(told: fit.Told) -> Calibrator:
    """The calibrator of a model, from what models of its folds told.

    Each row was scored by a model that had not seen it, and the calibrator knows more of time than
    its last part.
    """
    return choose(told.margins, told.labels.astype(np.float64), told.moments, w=told.weights)[0]


def choose(
    margins: Array,
    y: Array,
    times: NDArray[np.int64],
    *,
    w: Array | None = None,
    folds: int = 3,
) -> tuple[Calibrator, dict[str, float]]:
    """The calibrator whose kind has the lowest Brier score on later time, and all kinds' scores.

    Rows are cut by time into folds + 1 parts of about equal size, rows of one moment together.
    Each part but the first is judged by calibrators fitted on all before it; the kind with the
    lowest Brier score over all rows judged is fitted again on every row. Where all rows have one
    moment no kind can be judged: then it is `platt`, and scores are nan.
    """
    if folds < 1:
        raise ValueError(f"folds == {folds}, must be >= 1")
    weights = np.ones(len(margins)) if w is None else np.asarray(w, dtype=np.float64)
    fitted = fit_calibrators(margins, y, weights)
    judged = np.zeros(len(margins), dtype=np.bool_)
    chances = {kind: np.zeros(len(margins)) for kind in KINDS}
    for start, end in spans(times, folds):
        earlier, later = times < start, (times >= start) & (times < end)
        judged |= later
        for kind, one in fit_calibrators(margins[earlier], y[earlier], weights[earlier]).items():
            chances[kind][later] = one.apply(margins[later])
    scores = {kind: brier(y[judged], p[judged], weights[judged]) for kind, p in chances.items()}
    best: Kind = "platt"
    if not np.isnan(scores["none"]):
        best = min(KINDS, key=lambda kind: scores[kind])
    return fitted[best], {str(kind): score for kind, score in scores.items()}


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
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9},
    )
    return tuple(float(x) for x in found.x)
