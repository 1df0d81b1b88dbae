"""A blend of the model with an additive scorecard, kept only if it wins.

The scorecard is boosted trees of a single split: logistic, and a sum of one table of points per
column, as a scorecard made by hand is. So a weighted sum of both models is a CatBoost model again,
which is served and explained as any other.
"""

from collections.abc import Sequence

import numpy as np
from catboost import CatBoostClassifier, sum_models, to_classifier
from numpy.typing import NDArray

from domain.scores import logistic
from domain.versions.manifest import Blended
from measures.calibration import log_losses
from measures.resampling import Resampling
from training.model import fit

Array = NDArray[np.float64]

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""The scorecard's shares that are tried: the searched model always counts for half or more."""

SCORECARD: fit.Parameters = {"depth": 1, "iterations": 300, "learning_rate": 0.1}
"""Of the scorecard: 300 points' tables at most; what else is fixed is the run's."""


def scorecard_of(parameters: fit.Parameters) -> fit.Parameters:
    """The parameters of the scorecard beside a model of these."""
    return {**SCORECARD, "border_count": parameters["border_count"]}


def weigh(model: fit.OutOfFold, scorecard: fit.OutOfFold, seed: int) -> Blended:
    """The scorecard's share that served best on time not seen; 0 where it did not win.

    A fold's share is the one of the least log loss on the folds before it. The blend wins where
    its log loss on those folds is lower with 95% confidence, bootstrapped by company; its share is
    then the best over all folds. With one fold nothing can be known, and nothing is blended.
    """
    shares = [_best(model, scorecard, model.fold < fold) for fold in range(1, model.folds)]
    if not shares:
        return Blended(scorecard=0.0, gain=None)
    judged = model.fold > 0
    share = np.concatenate([[0.0], shares])[model.fold]
    less = losses(model, model.margins) - losses(model, _mixed(model, scorecard, share))
    drawn = Resampling(model.groups[judged], int(judged.sum()), seed=seed, w=model.weights[judged])
    gain = drawn.mean(less[judged]).interval()
    wins = gain.low > 0.0
    everything = np.ones(len(model.fold), dtype=np.bool_)
    return Blended(scorecard=_best(model, scorecard, everything) if wins else 0.0, gain=gain)


def losses(predictions: fit.OutOfFold, margins: Array) -> Array:
    """The log loss of each row [n] of log-odds."""
    return log_losses(predictions.labels.astype(np.float64), logistic(margins))


def mixed(model: fit.OutOfFold, scorecard: fit.OutOfFold, blended: Blended) -> fit.OutOfFold:
    """The blend's predictions of the same rows."""
    share = np.full(len(model.margins), blended.scorecard)
    return model._replace(margins=_mixed(model, scorecard, share))


def summed(
    model: CatBoostClassifier, scorecard: CatBoostClassifier, blended: Blended
) -> CatBoostClassifier:
    """The blend as one model. Both were fitted on the same rows, so their counters are the same."""
    weights = [1.0 - blended.scorecard, blended.scorecard]
    both: Sequence[CatBoostClassifier] = [model, scorecard]
    return to_classifier(
        sum_models(both, weights=weights, ctr_merge_policy="IntersectingCountersAverage")
    )


def _mixed(model: fit.OutOfFold, scorecard: fit.OutOfFold, share: Array) -> Array:
    return (1.0 - share) * model.margins + share * scorecard.margins


def _best(model: fit.OutOfFold, scorecard: fit.OutOfFold, among: NDArray[np.bool_]) -> float:
    def loss(share: float) -> float:
        margins = _mixed(model, scorecard, np.full(len(model.margins), share))
        return float(np.average(losses(model, margins)[among], weights=model.weights[among]))

    return min(SHARES, key=loss)
