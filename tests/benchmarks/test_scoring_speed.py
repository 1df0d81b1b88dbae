"""The scorer beside CatBoost alone, on a model of realistic size: every score explained."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from catboost import CatBoostClassifier, FeaturesData, Pool
from numpy.typing import NDArray

from domain.versions.manifest import MODEL_FILE, TABLE_FILE
from feature_repo.catalogue import category_names, number_names
from registry.cache import open_cached
from scoring.model.scorer import Scorer
from tests.benchmarks.alternating import ratio
from tests.benchmarks.bars import bar
from tests.conftest import Trained
from training.model.fit import FIXED
from training.model.shap_table import build_table
from wiring.live_folders import cache_of

MANY, CHUNK = 100_000, 2_000
WORDS = ["", "page_view", "US", "DE", "software", "retail", "a>b"]


class Sized(NamedTuple):
    """400 trees of depth 6 on all features of the standard service, with their scorer."""

    scorer: Scorer
    model: CatBoostClassifier
    names: tuple[int, int]


def rows(names: tuple[int, int], count: int) -> tuple[NDArray[np.float64], list[list[str]]]:
    random = np.random.default_rng(count)
    numbers = random.exponential(5.0, (count, names[0]))
    numbers[random.random(numbers.shape) < 0.3] = np.nan
    return numbers, random.choice(WORDS, (count, names[1])).tolist()


@pytest.fixture(scope="module")
def sized(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Sized:
    opened = open_cached(cache_of(trained.settings)).champion
    d = opened.manifest.definition
    names = (len(number_names(d)), len(category_names(d)))
    numbers, texts = rows(names, 4_000)
    chance = np.nan_to_num(numbers[:, :20]).sum(axis=1) + [9.0 * (row[0] == "US") for row in texts]
    model = CatBoostClassifier(
        **FIXED, iterations=400, depth=6, border_count=32, learning_rate=0.05, random_seed=1
    )
    held = FeaturesData(
        num_feature_data=numbers.astype(np.float32),
        num_feature_names=list(number_names(d)),
        cat_feature_data=np.array([[t.encode() for t in row] for row in texts], dtype=object),
        cat_feature_names=list(category_names(d)),
    )
    model.fit(Pool(held, label=chance > np.median(chance)))
    folder = tmp_path_factory.mktemp("sized")
    return Sized(_scorer(folder, model, opened.manifest), model, names)


def _scorer(folder: Path, model: CatBoostClassifier, manifest: Any) -> Scorer:
    d = manifest.definition
    features = (*number_names(d), *category_names(d))
    model.save_model(str(folder / MODEL_FILE))
    build_table(model, features).save(folder / TABLE_FILE)
    manifest = msgspec.structs.replace(manifest, features=features, categories=category_names(d))
    return Scorer("sized", folder, manifest, d)


def test_one_row_explained_beside_predict_proba(benchmark: Any, sized: Sized) -> None:
    """Both from the same values, by the quickest pool that CatBoost makes of one row."""
    numbers, texts = rows(sized.names, 1)
    row = [*numbers.astype(np.float32)[0].tolist(), *texts[0]]
    categories = list(range(sized.names[0], len(row)))

    def theirs() -> object:
        pool = Pool([row], cat_features=categories, thread_count=1)
        return sized.model.predict_proba(pool, thread_count=1)

    def ours() -> object:
        return sized.scorer.explain(sized.scorer.score(numbers, texts).leaves)

    found = ratio(benchmark, ours, theirs, 40, at_least=0.8)
    what, beside = "one row explained, as quick as", "predict_proba"
    bar(benchmark, what, beside, found, at_least=0.8)


def test_one_row_explained_beside_catboosts_shap_values(benchmark: Any, sized: Sized) -> None:
    numbers, texts = rows(sized.names, 1)
    row = [*numbers.astype(np.float32)[0].tolist(), *texts[0]]
    categories = list(range(sized.names[0], len(row)))

    def theirs() -> Any:
        pool = Pool([row], cat_features=categories, thread_count=1)
        return sized.model.get_feature_importance(pool, type="ShapValues", thread_count=1)

    def ours() -> NDArray[np.float64]:
        return sized.scorer.explain(sized.scorer.score(numbers, texts).leaves)

    np.testing.assert_allclose(ours(), theirs()[:, :-1], rtol=0, atol=1e-9)
    found = ratio(benchmark, ours, theirs, 3, at_least=50)
    bar(benchmark, "one row explained, as quick as", "ShapValues", found, at_least=50)


def test_many_rows_explained_beside_catboosts_shap_values(benchmark: Any, sized: Sized) -> None:
    """From the rows' values to all contributions; ours in a batch's chunks, one thread each."""
    numbers, texts = rows(sized.names, MANY)
    held = [slice(at, at + CHUNK) for at in range(0, MANY, CHUNK)]
    scorer, found = sized.scorer, dict[str, Any]()

    def ours() -> None:
        found["margins"], found["ours"] = np.empty(MANY), np.empty((MANY, sum(sized.names)))
        for part in held:
            scored = scorer.score(numbers[part], texts[part])
            found["margins"][part] = scored.margins
            found["ours"][part] = scorer.explain(scored.leaves)

    def theirs() -> None:
        words = np.array([[t.encode() for t in row] for row in texts], dtype=object)
        data = FeaturesData(num_feature_data=numbers.astype(np.float32), cat_feature_data=words)
        pool = Pool(data)
        found["theirs"] = sized.model.get_feature_importance(
            pool, type="ShapValues", thread_count=1
        )

    times = ratio(benchmark, ours, theirs, 1, warm=0, block=1, at_least=15)
    np.testing.assert_allclose(found["ours"], found["theirs"][:, :-1], rtol=0, atol=1e-9)
    whole = found["theirs"].sum(axis=1)
    np.testing.assert_allclose(found["margins"], whole, rtol=0, atol=1e-9)
    bar(benchmark, f"{MANY:,} rows explained, as quick as", "ShapValues", times, at_least=15)
