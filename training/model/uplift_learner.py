"""Which leads gain by being worked: a doubly robust learner on CatBoost, cross-fitted.

Two models of conversion, with and without being worked, make pseudo-outcomes whose expectation is
a lead's uplift, right where the chances of being worked are, and those are recorded; a third model
learns the uplift from them (Kennedy 2023). Each says of a lead only what it learnt without that
lead's account.
"""

from dataclasses import dataclass

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor, Pool
from numpy.typing import NDArray

from measures.uplift import pseudo_outcomes

Floats = NDArray[np.float64]

FOLDS = 4
ITERATIONS = 80
DEPTH = 4
LEAST = 0.02
"""Leads whose chance of being worked lies beyond this and its mirror are left out: they tell little
and weigh much."""
_SAME = {"thread_count": 1, "verbose": False, "allow_writing_files": False, "random_seed": 7}


@dataclass(frozen=True, slots=True)
class LearntUplift:
    """What each lead [n] gains by being worked, and its pseudo-outcome."""

    uplift: Floats
    pseudo: Floats


def learn_uplift(
    features: Floats,
    converted: Floats,
    worked: Floats,
    chance: Floats,
    accounts: NDArray[np.int64],
) -> LearntUplift:
    """Of leads [n] with features [n, k], nan where missing, and chances of being worked in (0, 1).

    Leads of an account fall into one fold. Deterministic: one thread, one seed.
    """
    _, first, code = np.unique(accounts, return_index=True, return_inverse=True)
    fold = np.argsort(np.argsort(first))[code] % FOLDS
    one, other = (_crossed(features, converted, fold, worked == treated) for treated in (1.0, 0.0))
    pseudo = pseudo_outcomes(converted, worked, chance, one, other)
    uplift = np.zeros(len(pseudo))
    for each in range(FOLDS):
        test, train = fold == each, fold != each
        if test.any() and train.any():
            model = CatBoostRegressor(
                iterations=ITERATIONS, depth=DEPTH, learning_rate=0.05, l2_leaf_reg=20, **_SAME
            )
            model.fit(Pool(features[train], pseudo[train]))
            uplift[test] = model.predict(features[test])
    return LearntUplift(uplift, pseudo)


def _crossed(
    features: Floats, converted: Floats, fold: NDArray[np.int64], among: NDArray[np.bool_]
) -> Floats:
    """Conversion [n] as models of leads `among` which do not see the fold say it."""
    chances = np.zeros(len(converted))
    for each in range(FOLDS):
        test, train = fold == each, (fold != each) & among
        if not test.any():
            continue
        outcomes = converted[train]
        if len(np.unique(outcomes)) < 2:
            chances[test] = outcomes.mean() if len(outcomes) else 0.0
            continue
        model = CatBoostClassifier(
            iterations=ITERATIONS, depth=DEPTH, learning_rate=0.05, l2_leaf_reg=10, **_SAME
        )
        model.fit(Pool(features[train], outcomes))
        chances[test] = model.predict_proba(features[test])[:, 1]
    return chances
