"""The scorer against CatBoost itself, through the calibrator."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from catboost import CatBoostClassifier, FeaturesData, Pool
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.versions.explanation_table import load_table
from domain.versions.manifest import MODEL_FILE, TABLE_FILE, Manifest
from feature_repo.catalogue import category_names, number_names
from registry.cache import OpenedVersion, open_cached
from scoring.model.percentiles import percentiles
from scoring.model.scorer import Scorer
from tests.conftest import Trained
from wiring.live_folders import cache_of

Rows = tuple[NDArray[np.float64], list[list[str]]]


@pytest.fixture(scope="module")
def opened(trained: Trained) -> OpenedVersion[Manifest]:
    return open_cached(cache_of(trained.settings)).champion


@pytest.fixture(scope="module")
def scorer(opened: OpenedVersion[Manifest]) -> Scorer:
    return Scorer(opened.label, opened.folder, opened.manifest, opened.manifest.definition)


def rows(definition: FeatureDefinition, count: int, seed: int) -> Rows:
    """Rows of all named features, many missing, categories that training never saw among them."""
    random = np.random.default_rng(seed)
    numbers = random.exponential(5.0, (count, len(number_names(definition))))
    numbers[random.random(numbers.shape) < 0.3] = np.nan
    words = ["", "page_view", "US", "DE", "software", "never seen", "ü☃"]
    texts = random.choice(words, (count, len(category_names(definition)))).tolist()
    return numbers, texts


def pool_of(
    opened: OpenedVersion[Manifest], numbers: NDArray[np.float64], texts: list[list[str]]
) -> Pool:
    """The version's columns, looked up by name one by one."""
    manifest = opened.manifest
    d = manifest.definition
    own = [f for f in manifest.features if f not in manifest.categories]
    columns = [numbers[:, number_names(d).index(name)] for name in own]
    places = [category_names(d).index(name) for name in manifest.categories]
    words = np.array([[row[p].encode() for p in places] for row in texts], dtype=object)
    return Pool(
        FeaturesData(
            num_feature_data=np.column_stack(columns).astype(np.float32), cat_feature_data=words
        )
    )


def test_equals_catboost_through_the_calibrator(
    opened: OpenedVersion[Manifest], scorer: Scorer
) -> None:
    model = CatBoostClassifier()
    model.load_model(str(opened.folder / MODEL_FILE))
    numbers, texts = rows(opened.manifest.definition, 700, 1)
    scored = scorer.score(numbers, texts)
    pool = pool_of(opened, numbers, texts)
    chance = np.asarray(model.predict_proba(pool))[:, 1]
    margins = np.log(chance / (1 - chance))
    np.testing.assert_allclose(scored.margins, margins, rtol=0, atol=1e-9)
    wanted = opened.manifest.calibrator.apply(margins)
    np.testing.assert_allclose(scored.scores, wanted, rtol=0, atol=1e-9)
    contributions = scorer.explain(scored.leaves)
    shap = np.asarray(model.get_feature_importance(pool, type="ShapValues"))
    np.testing.assert_allclose(contributions, shap[:, :-1], rtol=0, atol=1e-9)
    assert len(set(scored.margins.round(6))) > 100


def test_a_shift_moves_what_is_told_and_no_contribution(
    opened: OpenedVersion[Manifest], scorer: Scorer
) -> None:
    own = opened.manifest
    calibrator = msgspec.structs.replace(own.calibrator, shift=own.calibrator.shift - 0.4)
    other = msgspec.structs.replace(own, calibrator=calibrator)
    shifted = Scorer(opened.label, opened.folder, other, own.definition)
    numbers, texts = rows(own.definition, 200, 8)
    plain, moved = scorer.score(numbers, texts), shifted.score(numbers, texts)
    np.testing.assert_array_equal(moved.margins, plain.margins)
    np.testing.assert_array_equal(shifted.explain(moved.leaves), scorer.explain(plain.leaves))
    bias = load_table(opened.folder / TABLE_FILE).bias
    added = shifted.explain(moved.leaves).sum(axis=1) + bias
    np.testing.assert_allclose(added, moved.margins, rtol=0, atol=1e-9)
    odds = plain.scores / (1 - plain.scores) * np.exp(-0.4)
    np.testing.assert_allclose(moved.scores, odds / (1 + odds), rtol=1e-9)


def test_one_by_one_or_all_at_once(opened: OpenedVersion[Manifest], scorer: Scorer) -> None:
    numbers, texts = rows(opened.manifest.definition, 40, 2)
    whole = scorer.score(numbers, texts)
    for i in range(40):
        alone = scorer.score(numbers[i : i + 1], texts[i : i + 1])
        assert alone.margins[0] == pytest.approx(whole.margins[i], abs=1e-12)
        np.testing.assert_array_equal(alone.leaves[0], whole.leaves[i])


def test_what_is_given_is_not_changed(opened: OpenedVersion[Manifest], scorer: Scorer) -> None:
    numbers, texts = rows(opened.manifest.definition, 20, 3)
    held, words = numbers.copy(), [list(row) for row in texts]
    scored = scorer.score(numbers, texts)
    scorer.explain(scored.leaves)
    np.testing.assert_array_equal(numbers, held)
    assert texts == words
    numbers.flags.writeable = False
    again = scorer.score(numbers, [tuple(row) for row in texts])
    np.testing.assert_array_equal(scored.scores, again.scores)


def test_the_order_in_the_homes_definition_does_not_matter(
    opened: OpenedVersion[Manifest], scorer: Scorer
) -> None:
    d = opened.manifest.definition
    other = msgspec.structs.replace(d, families=d.families[::-1], attributes=d.attributes[::-1])
    assert number_names(other) != number_names(d)
    numbers, texts = rows(d, 50, 4)
    moved = numbers[:, [number_names(d).index(n) for n in number_names(other)]]
    places = [category_names(d).index(n) for n in category_names(other)]
    words = [[row[p] for p in places] for row in texts]
    theirs = Scorer("other", opened.folder, opened.manifest, other).score(moved, words)
    np.testing.assert_array_equal(theirs.scores, scorer.score(numbers, texts).scores)


def test_a_home_without_its_features_is_refused(opened: OpenedVersion[Manifest]) -> None:
    kept = opened.manifest.definition
    d = FeatureDefinition(service=kept.service, version=kept.version, families=())
    with pytest.raises(BadInput) as caught:
        Scorer("x", opened.folder, opened.manifest, d)
    assert caught.value.rule == "features-kept"


def test_files_that_do_not_go_together_are_refused(
    opened: OpenedVersion[Manifest], tmp_path: Path
) -> None:
    manifest = opened.manifest
    for name in (MODEL_FILE, TABLE_FILE):
        (tmp_path / name).write_bytes((opened.folder / name).read_bytes())
    swapped = msgspec.structs.replace(manifest, features=manifest.features[::-1])
    with pytest.raises(BadInput) as caught:
        Scorer("x", tmp_path, swapped, manifest.definition)
    assert caught.value.rule == "version-complete"
    for content in (b"", b"no model", (tmp_path / MODEL_FILE).read_bytes()[:500]):
        (tmp_path / MODEL_FILE).write_bytes(content)
        with pytest.raises(BadInput) as caught:
            Scorer("x", tmp_path, manifest, manifest.definition)
        assert caught.value.rule == "version-complete"


@limits(max_examples=60)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.1001, 0.25, 0.5, 0.9, 1.0]), min_size=101, max_size=101),
    st.lists(st.floats(0, 1), max_size=20),
)
def test_percentiles_rise_from_0_to_100(held: list[float], scores: list[float]) -> None:
    quantiles = sorted(held)
    asked = np.array(sorted([*scores, *quantiles]))
    given = percentiles(np.array(quantiles), asked)
    assert np.all(np.diff(given) >= -1e-9)
    assert np.all((given >= 0) & (given <= 100))
    for score, percentile in zip(asked, given, strict=True):
        ties = np.flatnonzero(np.array(quantiles) == score)
        if len(ties):  # in the middle of those that are as good
            assert percentile == pytest.approx((ties[0] + ties[-1]) / 2)


def test_percentiles_between_and_outside_the_quantiles() -> None:
    made = np.array([q / 100 * 0.5 + 0.2 for q in range(101)])
    asked = np.array([0.0, 0.2, 0.2025, 0.45, 0.7, 0.99])
    np.testing.assert_allclose(percentiles(made, asked), [0, 0, 0.5, 50, 100, 100], atol=1e-6)
    flat = np.full(101, 0.3)
    np.testing.assert_allclose(percentiles(flat, np.array([0.2, 0.3, 0.4])), [0, 50, 100])


@pytest.mark.parametrize("count", [1, 16, 17, 5_000])
def test_few_rows_and_many_are_scored_alike(
    opened: OpenedVersion[Manifest], scorer: Scorer, count: int
) -> None:
    """Rows go through the trees some at a time, and the last ones with fewer beside them."""
    numbers, texts = rows(opened.manifest.definition, count, 5)
    whole = scorer.score(numbers, texts)
    table = load_table(opened.folder / TABLE_FILE)
    np.testing.assert_array_equal(scorer.explain(whole.leaves), table.explain(whole.leaves))
    np.testing.assert_allclose(whole.margins, table.margins(whole.leaves), rtol=0, atol=1e-12)
    again = scorer.score(numbers[-1:], texts[-1:])
    np.testing.assert_array_equal(again.leaves[0], whole.leaves[-1])
    assert again.margins[0] == whole.margins[-1]


def test_a_table_of_another_model_is_refused(
    opened: OpenedVersion[Manifest], tmp_path: Path
) -> None:
    (tmp_path / MODEL_FILE).write_bytes((opened.folder / MODEL_FILE).read_bytes())
    table = load_table(opened.folder / TABLE_FILE)
    replace(table, starts=table.starts + 1).save(tmp_path / TABLE_FILE)
    with pytest.raises(BadInput, match="belongs to another model"):
        Scorer("x", tmp_path, opened.manifest, opened.manifest.definition)
