"""The search goes on after an interruption as if there had been none."""

import os
import signal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from domain.errors import Unavailable
from measures.calibration import log_loss
from tests.servers import free_port
from tests.soak.commands import forks
from tests.training.worlds import dataset
from tests.waiting import PATIENCE_S
from training.model import fit, search
from training.model.studies import WarmStart, last_study, open_study, remember

TRIALS = 8
FOLDS = tuple((dataset(240, i), dataset(120, 2 + i)) for i in range(3))
Told = list[tuple[int, float]]


def run(
    path: Path,
    *,
    stop_after: int = 0,
    trials: int = TRIALS,
    seed: int = 7,
    warmth: WarmStart | None = None,
) -> tuple[dict[str, Any], optuna.Study, Told]:
    heard: Told = []

    def told(done: int, best: float) -> None:
        heard.append((done, best))
        if done == stop_after:
            raise KeyboardInterrupt

    study = open_study(path.parent, path.stem)
    best = search.search(
        study,
        FOLDS,
        trials=trials,
        fixed={"iterations": 12},
        seed=seed,
        on_trial=told,
        warmth=warmth,
    )
    return best, study, heard


def values(study: optuna.Study) -> list[tuple[float | None, dict[str, Any]]]:
    done = study.get_trials(states=search.DONE)
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


def test_the_best_is_the_one_with_the_lowest_loss_over_all_folds(whole: Whole) -> None:
    best, study, heard = whole
    done = study.get_trials(states=search.DONE)
    complete = [t for t in done if t.state == optuna.trial.TrialState.COMPLETE]
    assert len(done) == TRIALS
    assert [count for count, _ in heard] == list(range(1, TRIALS + 1))
    assert heard[-1][1] == min(t.value for t in complete)
    top = min(complete, key=lambda t: t.value)
    assert {k: v for k, v in best.items() if k != "iterations"} == top.params
    assert 1 <= best["iterations"] <= 12
    # the value is the mean over the folds, by weight
    model_of = [fit.fit(a, {**top.params, "iterations": 12}, 7, b) for a, b in FOLDS]
    losses = [
        log_loss(b.labels, 1 / (1 + np.exp(-fit.margins(m, b))), b.weights)
        for m, (_, b) in zip(model_of, FOLDS, strict=True)
    ]
    assert top.value == pytest.approx(np.mean(losses), abs=1e-12)
    assert top.intermediate_values[2] == top.value


def test_a_trial_that_falls_behind_is_given_up(whole: Whole) -> None:
    pruned = whole[1].get_trials(states=(optuna.trial.TrialState.PRUNED,))
    assert pruned
    complete = whole[1].get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    for trial in pruned:
        last = max(trial.intermediate_values)
        assert last < len(FOLDS) - 1
        before = [t.intermediate_values[last] for t in complete if t.number < trial.number]
        assert trial.intermediate_values[last] > np.median(before)


def killed_in_a_trial(path: Path) -> None:
    """Search, and kill this process in the third trial."""
    calls, real = 0, fit.fit

    def killing(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "fit", killing)
        run(path)


def ended(*processes: ForkServerProcess) -> list[int | None]:
    """Start processes, all at once; their exit codes."""
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_S)
    return [process.exitcode for process in processes]


def test_killed_in_the_middle_it_ends_the_same(tmp_path: Path, whole: Whole) -> None:
    """A process that is killed in its third trial, and whose last line was half written."""
    path = tmp_path / "s.journal"
    assert ended(forks.Process(target=killed_in_a_trial, args=(path,))) == [-signal.SIGKILL]
    with path.open("ab") as file:
        file.write(b'{"op_code": 5, "worker')
    best, study, heard = run(path)
    assert heard[0][0] == 2
    assert values(study) == values(whole[1])
    assert best == whole[0]


def test_a_warm_study_begins_with_the_best_of_another(tmp_path: Path, whole: Whole) -> None:
    warmth = WarmStart(study="other", parameters=whole[1].best_params)
    path = tmp_path / "s.journal"
    with pytest.raises(KeyboardInterrupt):
        run(path, trials=3, warmth=warmth, stop_after=1)
    _, study, heard = run(path, trials=3)  # goes on as it began
    assert study.trials[0].params == whole[1].best_params
    assert heard[0][1] == whole[1].best_value
    assert search.warmed_by(study) == warmth
    _, again, _ = run(tmp_path / "t.journal", trials=3, warmth=warmth)
    assert values(again) == values(study)
    assert search.warmed_by(whole[1]) is None


def test_the_last_study_of_an_outcome_is_remembered(tmp_path: Path) -> None:
    found = WarmStart(study="one", parameters={"depth": 4, "rsm": 0.5})
    assert last_study(tmp_path, "won") is None
    remember(tmp_path, "won", found)
    assert last_study(tmp_path, "won") == found
    assert last_study(tmp_path, "lost") is None
    (tmp_path / "last-won.json").write_text("{")
    assert last_study(tmp_path, "won") is None


def test_a_study_is_drawn(tmp_path: Path, whole: Whole) -> None:
    search.draw(whole[1], tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"search_history.png", "search_importance.png"}
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in tmp_path.iterdir())
    _, short, _ = run(tmp_path / "s.journal", trials=1)
    search.draw(short, tmp_path / "short")
    assert [p.name for p in (tmp_path / "short").iterdir()] == ["search_history.png"]


def work_on_shared(database: str) -> None:
    """Search in the shared study, as a process of its own does."""
    study, given = open_study(Path("unused"), "shared", database), {"iterations": 12}
    search.search(
        study, FOLDS, trials=10, fixed=given, seed=7, on_trial=lambda *_: None, worker=os.getpid()
    )


def test_workers_share_a_study_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    open_study(tmp_path, "shared", postgres_url)  # tables are there
    workers = [forks.Process(target=work_on_shared, args=(postgres_url,)) for _ in range(2)]
    assert ended(*workers) == [0, 0]
    study = open_study(tmp_path, "shared", postgres_url)
    done = study.get_trials(states=search.DONE)
    assert 10 <= len(done) <= 11
    assert len({tuple(t.params.values()) for t in done}) == len(done)  # none did another's work
    assert not list(tmp_path.iterdir())


def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        open_study(tmp_path, "s", f"postgresql://u:secret@127.0.0.1:{free_port()}/x")
    assert caught.value.rule == "database-reachable"
    assert "secret" not in str(caught.value)


def test_a_study_that_is_done_is_not_searched_again(tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    one, _, _ = run(path, trials=2)
    two, study, heard = run(path, trials=2)
    assert (one, len(values(study)), len(heard)) == (two, 2, 1)


def test_another_seed_searches_elsewhere(tmp_path: Path, whole: Whole) -> None:
    _, study, _ = run(tmp_path / "s.journal", trials=2, seed=8)
    assert not {v for v, _ in values(study)} & {v for v, _ in values(whole[1])}
