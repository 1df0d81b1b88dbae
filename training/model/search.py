"""Optuna's search for CatBoost parameters: by log loss on later time, resumable, repeatable.

A trial is judged fold by fold, in the order of time, and given up where after a fold it is worse
than half of the trials before it were then. Each trial's sampler is seeded by the run's seed and
the trial's place, so a study that was interrupted goes on as if it had not been. Where several
workers share a study, what a trial learns from depends on who was quicker.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from domain.versions.run_record import TrialRecord
from measures.calibration import log_loss
from training.model import fit
from training.model.studies import WarmStart

TrialCallback = Callable[[int, float], None]
"""Called after each trial with how many are done and the best loss so far."""

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
STARTUP = 5
"""Trials at random before the sampler learns from them."""

_WARMED = "warmed_by"
_APART = 100_003


def search(
    study: optuna.Study,
    folds: Sequence[fit.Fold],
    *,
    trials: int,
    fixed: dict[str, Any],
    seed: int,
    on_trial: TrialCallback,
    warmth: WarmStart | None = None,
    worker: int = 0,
) -> dict[str, Any]:
    """Run what is left of `trials`; the best parameters, with the number of iterations.

    `fixed` are the parameters that are not searched, `iterations` (the most of them) among them.
    A study that is new begins with the parameters of `warmth`. `worker` is 0 for one that
    is alone; others are at it too with numbers of their own, and together they do as many trials,
    or a few more.
    """

    def objective(trial: Trial) -> float:
        return _judged(trial, folds, {**suggest(trial), **fixed}, seed)

    if warmth is not None and not study.get_trials(deepcopy=False):
        study.set_user_attr(_WARMED, {"study": warmth.study, "parameters": warmth.parameters})
    done = _done(study)
    if done:
        on_trial(len(done), study.best_value)
    while len(done) < trials:
        if not done:
            _warm(study)
        study.sampler = _sampler(seed + len(done), worker)
        study.optimize(objective, n_trials=1)
        done = _done(study)
        on_trial(len(done), study.best_value)
    best = study.best_trial
    return {**best.params, **fixed, "iterations": best.user_attrs["iterations"]}


def warmed_by(study: optuna.Study) -> WarmStart | None:
    """What the study began from, if it was not from nothing."""
    name = study.user_attrs.get(_WARMED)
    return None if name is None else WarmStart(**name)


def trials_of(study: optuna.Study) -> tuple[TrialRecord, ...]:
    """The study's trials that were judged, as a version keeps them."""
    return tuple(_recorded(trial) for trial in _done(study))


def _recorded(trial: FrozenTrial) -> TrialRecord:
    steps = tuple(trial.intermediate_values[step] for step in sorted(trial.intermediate_values))
    began, ended = trial.datetime_start, trial.datetime_complete
    return TrialRecord(
        number=trial.number,
        state=trial.state.name.lower(),
        parameters=trial.params,
        losses=steps,
        loss=trial.value if trial.value is not None else (steps[-1] if steps else None),
        trees=trial.user_attrs.get("iterations"),
        started_ms=0 if began is None else round(began.timestamp() * 1000),
        ended_ms=0 if ended is None else round(ended.timestamp() * 1000),
    )


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


def _judged(
    trial: Trial, folds: Sequence[fit.Fold], parameters: dict[str, Any], seed: int
) -> float:
    """The mean over folds of the weighted log loss; raises TrialPruned for a trial given up."""
    losses: list[float] = []
    trees: list[int] = []
    for step, (train, valid) in enumerate(folds):
        model = fit.fit(train, parameters, seed, valid)
        chance = 1.0 / (1.0 + np.exp(-fit.margins(model, valid)))
        losses.append(log_loss(valid.labels, chance, valid.weights))
        trees.append(max(int(model.tree_count_), 1))
        trial.report(float(np.mean(losses)), step)
        if step + 1 < len(folds) and trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("iterations", round(float(np.mean(trees))))
    return float(np.mean(losses))


def _done(study: optuna.Study) -> list[FrozenTrial]:
    done: list[FrozenTrial] = study.get_trials(deepcopy=False, states=DONE)
    return done


def _sampler(seed: int, worker: int) -> optuna.samplers.BaseSampler:
    """A sampler of one trial. One that is alone must not learn from trials that a crash left."""
    return optuna.samplers.TPESampler(
        seed=seed + worker * _APART, n_startup_trials=STARTUP, constant_liar=worker > 0
    )


def _warm(study: optuna.Study) -> None:
    """Let the first trial be that of the study which warms this one."""
    warmth = warmed_by(study)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if warmth is not None and not waiting:
        study.enqueue_trial(warmth.parameters)


def draw(study: optuna.Study, folder: Path) -> None:
    """Draw the history of a study and, where trials suffice, what mattered in it, as PNG files."""
    import warnings

    import matplotlib as mpl
    from matplotlib import pyplot
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization import matplotlib as charts

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"search_history": charts.plot_optimization_history}
    if len({trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}) > 2:
        pictures["search_importance"] = charts.plot_param_importances
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        for name, picture in pictures.items():
            figure = picture(study).figure
            figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight")
            pyplot.close(figure)
