"""One row, one thread: score with its explanation, beside what CatBoost alone takes."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from feature_repo.features import category_names, number_names
from registry.cache import open_cached
from scoring.scorer import Scorer
from tests.conftest import Trained
from wiring.registry import cache_of

Rows = tuple[Scorer, NDArray[np.float64], list[list[str]]]


@pytest.fixture(scope="module")
def one_row(trained: Trained) -> Rows:
    opened = open_cached(cache_of(trained.settings)).champion
    definition = opened.manifest.definition
    scorer = Scorer(opened.label, opened.folder, opened.manifest, definition)
    numbers = np.zeros((1, len(number_names(definition))))
    return scorer, numbers, [[""] * len(category_names(definition))]


@pytest.mark.benchmark(group="one row")
def test_score_and_explain(benchmark: Any, one_row: Rows) -> None:
    scorer, numbers, texts = one_row
    benchmark(lambda: scorer.explain(scorer.score(numbers, texts).leaves))


@pytest.mark.benchmark(group="one row")
def test_predict_proba(benchmark: Any, one_row: Rows) -> None:
    scorer, numbers, texts = one_row
    benchmark(lambda: scorer._model.predict_proba(scorer._pool(numbers, texts), thread_count=1))


@pytest.mark.benchmark(group="one row")
def test_catboosts_own_shap_values(benchmark: Any, one_row: Rows) -> None:
    scorer, numbers, texts = one_row
    benchmark(
        lambda: scorer._model.get_feature_importance(
            scorer._pool(numbers, texts), type="ShapValues", thread_count=1
        )
    )
