"""Optuna's search for CatBoost parameters: by log loss on later time, resumable, repeatable.

Each trial's sampler is seeded by the run's seed and the trial's place, so a study that was
interrupted goes on as if it had not been.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import Trial, TrialState

from measures.calibration import log_loss
from training import fit
from training.dataset import Dataset

Told = Callable[[int, float], None]
"""Called after each trial with how many are done and the best loss so far."""


def open_study(path: Path, name: str) -> optuna.Study:
    """The study of that name, new or resumed, in a journal file."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
    return optuna.create_study(
        storage=JournalStorage(backend), study_name=name, direction="minimize", load_if_exists=True
    )


def search(
    study: optuna.Study,
    train: Dataset,
    valid: Dataset,
    *,
    trials: int,
    fixed: dict[str, Any],
    seed: int,
    told: Told,
) -> dict[str, Any]:
    """Run what is left of `trials`; the best parameters, with the best number of iterations.

    `fixed` are the parameters that are not searched, `iterations` (the most of them) among them.
    """

    def objective(trial: Trial) -> float:
        parameters = {**suggest(trial), **fixed}
        model = fit.fit(train, parameters, seed, valid)
        trial.set_user_attr("iterations", max(int(model.tree_count_), 1))
        chance = 1.0 / (1.0 + np.exp(-fit.margins(model, valid)))
        return log_loss(valid.labels, chance)

    done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if done:
        told(done, study.best_value)
    for place in range(done, trials):
        study.sampler = optuna.samplers.TPESampler(seed=seed + place, n_startup_trials=5)
        study.optimize(objective, n_trials=1)
        told(place + 1, study.best_value)
    best = study.best_trial
    return {**best.params, **fixed, "iterations": best.user_attrs["iterations"]}


def suggest(trial: Trial) -> dict[str, Any]:
    """The space: shallow to middling trees, with and without strong regularisation."""
    return {
        "depth": trial.suggest_int("depth", 2, 7),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1.0, 30.0, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.1, 5.0, log=True),
        "rsm": trial.suggest_float("rsm", 0.3, 1.0),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 1, 50, log=True),
    }
