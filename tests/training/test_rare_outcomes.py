"""Rare outcomes: a calibrator makes nothing worse, and puts right what is wrong."""

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.clock import DAY
from domain.scores import logistic
from training.data.dataset import Dataset
from training.model import fit
from training.model.calibrate import calibrate

Array = NDArray[np.float64]
MIDDLING = {"depth": 4, "learning_rate": 0.05, "iterations": 120, "l2_leaf_reg": 5}
OVERFITTED = {"depth": 6, "learning_rate": 0.1, "iterations": 300, "l2_leaf_reg": 1}


def world(seed: int, rows: int) -> tuple[Dataset, Array]:
    """Rows of companies of three, about 1% won, and the true probability of each."""
    random = np.random.default_rng(seed)
    groups = random.integers(0, rows // 3, rows)
    numbers = random.normal(size=(rows, 8))
    told = numbers[:, 0] + 0.7 * numbers[:, 1] * numbers[:, 2] + 0.5 * np.abs(numbers[:, 3])
    chance = logistic(told + 0.3 * random.normal(size=rows // 3)[groups] - 5.9)
    labels = (random.random(rows) < chance).astype(np.int64)
    moments = np.sort(random.integers(0, 200, rows)) * DAY
    none = np.zeros((rows, 0), dtype=object)
    names = tuple("abcdefgh")
    return Dataset(names, (), numbers, none, labels, moments, groups, np.ones(rows)), chance


def off(told: Array, truth: Array) -> float:
    """The root mean square distance in twenty bins."""
    parts = np.array_split(np.argsort(told), 20)
    return float(np.sqrt(np.mean([(told[i].mean() - truth[i].mean()) ** 2 for i in parts])))


def errors(seed: int, parameters: fit.Parameters, rows: int = 6000) -> tuple[float, float]:
    """The error without a calibrator, and with the one that is chosen."""
    data, truth = world(seed, 3 * rows)
    learnt, later = data.take(np.arange(rows)), data.take(np.arange(rows, 3 * rows))
    margins = fit.margins(fit.fit(learnt, parameters, 7), later)
    chosen = calibrate(fit.crossed(learnt, parameters, 7), 7, embargo_days=5).calibrator
    return off(logistic(margins), truth[rows:]), off(chosen.apply(margins), truth[rows:])


def test_what_is_overfitted_is_put_right() -> None:
    none, chosen = errors(1, {**OVERFITTED, "border_count": 32})
    assert chosen < 0.6 * none


@pytest.mark.soak
@pytest.mark.parametrize(("parameters", "share"), [(MIDDLING, 1.05), (OVERFITTED, 0.6)])
def test_over_many_worlds_nothing_is_made_worse(parameters: fit.Parameters, share: float) -> None:
    found = np.array([errors(seed, {**parameters, "border_count": 64}) for seed in range(15)])
    none, chosen = found.mean(axis=0)
    assert chosen < share * none
