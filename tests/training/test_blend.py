"""The blend: it wins where an additive truth is told, and never where it adds nothing."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.versions.explanation_table import load_table
from domain.versions.manifest import TABLE_FILE, Blended
from tests.training import worlds
from tests.training.test_run import execute, model_of, rows_of
from training.model import blending, fit
from training.model.calibrate import calibrate

Array = NDArray[np.float64]
ROWS, FOLDS = 1_200, 3


def told(margins: Array, seed: int = 1, folds: int = FOLDS) -> fit.OutOfFold:
    """Labels that come as the first column of chances says, one company a row."""
    random = np.random.default_rng(seed)
    return fit.OutOfFold(
        margins=margins,
        labels=(random.random(len(margins)) < 1 / (1 + np.exp(-TRUTH))).astype(np.int64),
        moments=np.arange(len(margins)),
        weights=random.uniform(0.5, 1.5, len(margins)),
        groups=np.arange(len(margins)),
        fold=np.sort(np.arange(len(margins)) % folds),
    )


TRUTH: Array = np.random.default_rng(7).normal(0, 1.5, ROWS)
NOISE: Array = np.random.default_rng(8).normal(0, 1.5, ROWS)


def test_two_that_err_apart_are_blended() -> None:
    model, points = told(TRUTH + NOISE), told(TRUTH - NOISE)
    found = blending.weigh(model, points, 1)
    assert found.scorecard == 0.5
    assert found.gain is not None
    assert found.gain.low > 0
    mixed = blending.mixed(model, points, found)
    np.testing.assert_allclose(mixed.margins, TRUTH, atol=1e-12)
    assert (
        blending.losses(mixed, mixed.margins).mean() < blending.losses(model, model.margins).mean()
    )


@pytest.mark.parametrize("other", [TRUTH, NOISE, TRUTH + 0.01 * NOISE])
def test_one_that_adds_nothing_is_left_out(other: Array) -> None:
    found = blending.weigh(told(TRUTH), told(other), 1)
    assert found.scorecard == 0.0
    assert found.gain is not None
    assert found.gain.low <= 0


def test_one_fold_judges_nothing() -> None:
    found = blending.weigh(told(TRUTH + NOISE, folds=1), told(TRUTH, folds=1), 1)
    assert found.scorecard == 0.0
    assert found.gain is None


def test_the_sum_is_one_model() -> None:
    data, other = worlds.dataset(400, 1), worlds.dataset(200, 2)
    parameters = {"iterations": 40, "depth": 4, "border_count": 32}
    points = blending.scorecard_of(parameters)
    models = fit.fit(data, parameters, 7), fit.fit(data, points, 7)
    found = Blended(scorecard=0.3, gain=None)
    one = blending.summed(*models, found)
    each = [fit.margins(m, other) for m in models]
    np.testing.assert_allclose(fit.margins(one, other), 0.7 * each[0] + 0.3 * each[1], atol=1e-9)
    assert {len(level) for level in _levels(models[1])} == {1}
    calibrate(fit.across([(data, other)], parameters, 7), 7, 0.0)


def _levels(model: object) -> tuple[tuple[int, ...], ...]:
    from training.model.catboost_trees import read_forest

    return read_forest(model, 4).levels


@pytest.mark.slow
def test_a_run_that_is_asked_for_a_blend_says_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, manifest = execute(tmp_path, blend=True)
    assert manifest.blended is not None
    assert "blend" in (folder / "card.md").read_text()
    monkeypatch.setattr(blending, "weigh", lambda *_: Blended(scorecard=0.4, gain=None))
    (tmp_path / "again").mkdir()
    folder, manifest = execute(tmp_path / "again", blend=True)
    assert manifest.blended == Blended(scorecard=0.4, gain=None)
    assert manifest.metrics["explanation_error"].value <= 1e-9
    model, rows = model_of(folder), rows_of(folder, manifest)
    table = load_table(folder / TABLE_FILE)
    leaves = np.asarray(model.calc_leaf_indexes(fit.pool(rows)), dtype=np.int64)
    np.testing.assert_allclose(table.margins(leaves), fit.margins(model, rows), atol=1e-9)
