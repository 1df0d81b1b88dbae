"""The search goes on after an interruption as if there had been none."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.training.worlds import dataset
from training import fit, search

TRIALS = 8
TRAIN, VALID = dataset(240, 1), dataset(120, 2)
Told = list[tuple[int, float]]


def run(
    path: Path, *, stop_after: int = 0, trials: int = TRIALS, seed: int = 7
) -> tuple[dict[str, Any], optuna.Study, Told]:
    heard: Told = []

    def told(done: int, best: float) -> None:
        heard.append((done, best))
        if done == stop_after:
            raise KeyboardInterrupt

    study = search.open_study(path, "study")
    best = search.search(
        study, TRAIN, VALID, trials=trials, fixed={"iterations": 12}, seed=seed, told=told
    )
    return best, study, heard


def values(study: optuna.Study) -> list[tuple[float | None, dict[str, Any]]]:
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    return [(t.value, t.params) for t in done]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], optuna.Study, Told]:
    return run(tmp_path_factory.mktemp("whole") / "s.journal")


Whole = tuple[dict[str, Any], optuna.Study, Told]


@pytest.mark.parametrize("stop_after", [1, 6])
def test_stopped_between_trials(tmp_path: Path, whole: Whole, stop_after: int) -> None:
    path = tmp_path / "s.journal"
    with pytest.raises(KeyboardInterrupt):
        run(path, stop_after=stop_after)
    best, study, heard = run(path)
    assert heard[0][0] == stop_after
    assert [done for done, _ in heard] == list(range(stop_after, TRIALS + 1))
    assert values(study) == values(whole[1])
    assert best == whole[0]


def test_stopped_within_a_trial(
    tmp_path: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial that was under way counts for nothing."""
    path, real, calls = tmp_path / "s.journal", fit.fit, 0

    def stopping(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(fit, "fit", stopping)
    with pytest.raises(KeyboardInterrupt):
        run(path)
    monkeypatch.undo()
    best, study, _ = run(path)
    assert values(study) == values(whole[1])
    assert best == whole[0]


def test_the_best_is_the_one_with_the_lowest_loss(whole: Whole) -> None:
    best, study, heard = whole
    losses = [value for value, _ in values(study) if value is not None]
    assert len(losses) == TRIALS
    assert [done for done, _ in heard] == list(range(1, TRIALS + 1))
    assert [b for _, b in heard] == [min(losses[: i + 1]) for i in range(TRIALS)]
    _, params = min(values(study), key=lambda v: v[0] or 0.0)
    assert {k: v for k, v in best.items() if k != "iterations"} == params
    assert 1 <= best["iterations"] <= 12


def test_a_study_that_is_done_is_not_searched_again(tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    one, _, _ = run(path, trials=2)
    two, study, heard = run(path, trials=2)
    assert (one, len(values(study)), len(heard)) == (two, 2, 1)


def test_another_seed_searches_elsewhere(tmp_path: Path, whole: Whole) -> None:
    _, study, _ = run(tmp_path / "s.journal", trials=2, seed=8)
    assert not {v for v, _ in values(study)} & {v for v, _ in values(whole[1])}
