"""The leaves that rows reach, against CatBoost's own, on models of every kind of split."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from catboost import CatBoostClassifier, Pool
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.model import leaf_finder
from scoring.model.leaf_finder import LeafFinder
from training.model.shap_table import build_table

Numbers = NDArray[np.float64]
Texts = list[list[str]]

KINDS: dict[str, dict[str, Any]] = {
    "one-hot and statistics": {"one_hot_max_size": 4},
    "statistics alone": {"one_hot_max_size": 1},
    "missing counts as most": {"nan_mode": "Max"},
    "deep": {"depth": 9, "iterations": 5},
    "many statistics": {
        "simple_ctr": ["Borders", "Buckets", "Counter", "BinarizedTargetMeanValue"]
    },
    "numbers alone": {"categories": 0},
    "categories alone": {"numbers": 0},
    "nothing to learn": {"constant": True},
}


class Made(NamedTuple):
    """A model of so many numbers and categories, and its finder; a finder of a column more."""

    model: CatBoostClassifier
    finder: LeafFinder
    numbers: int
    categories: int

    def same(self, numbers: Numbers, texts: Texts) -> bool:
        rows = [[*own, *said] for own, said in zip(numbers.tolist(), texts, strict=True)]
        categories = list(range(self.numbers, self.numbers + self.categories))
        theirs = self.model.calc_leaf_indexes(Pool(rows, cat_features=categories))
        # columns that the model knows nothing of come first
        wider = np.column_stack([np.full(len(rows), 7.0), numbers])
        ours = self.finder.find(wider, [["x", *said] for said in texts])
        return np.array_equal(ours, theirs)


def rows(made: tuple[int, int], count: int, seed: int) -> tuple[Numbers, Texts]:
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(count, made[0])).round(2)
    numbers[random.random(numbers.shape) < 0.2] = np.nan
    codes = random.integers(0, [3, 12, 200][: made[1]], (count, made[1]))
    return numbers, codes.astype(str).tolist()


@cache
def made(kind: str) -> Made:
    changes = dict(KINDS[kind])
    shape = changes.pop("numbers", 4), changes.pop("categories", 3)
    numbers, texts = rows(shape, 600, 1)
    told = np.nan_to_num(numbers).sum(axis=1)
    told += np.array([sum(int(t) % 3 == 1 for t in row) for row in texts])
    label = np.zeros(600) if changes.pop("constant", False) else told > np.median(told)
    label[0] = 1.0 - label[1]
    settings = {"iterations": 40, "depth": 4, "max_ctr_complexity": 1, "random_seed": 1}
    settings |= {"thread_count": 1, "verbose": False, "allow_writing_files": False}
    model = CatBoostClassifier(**(settings | changes))
    data = [[*own, *said] for own, said in zip(numbers.tolist(), texts, strict=True)]
    model.fit(Pool(data, label, cat_features=list(range(shape[0], sum(shape)))))
    table = build_table(model, tuple(model.feature_names_))
    places = np.arange(1, 1 + shape[0])
    return Made(model, LeafFinder(model, table, places, range(1, 1 + shape[1])), *shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 17, 3_000])
def test_the_leaves_are_catboosts(kind: str, count: int) -> None:
    one = made(kind)
    assert one.same(*rows((one.numbers, one.categories), count, 2))


@pytest.mark.parametrize("kind", ["one-hot and statistics", "missing counts as most"])
def test_at_every_border_and_beside_it(kind: str) -> None:
    one = made(kind)
    borders = one.finder._borders
    near = np.nextafter(borders, np.array([[-np.inf], [np.inf]], dtype=np.float32))
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 5e-324]
    # a double between two 32-bit floats goes to the nearest, in both
    values = np.concatenate([borders, near.ravel(), borders + 1e-9, borders - 1e-9, odd])
    numbers = np.repeat(values.astype(np.float64)[:, None], one.numbers, axis=1)
    assert one.same(numbers, [["1", "2", "3"]] * len(numbers))


VALUES = st.one_of(st.integers(0, 250).map(str), st.text(max_size=6))
ROWS = st.lists(
    st.tuples(
        st.lists(st.floats(width=32) | st.just(np.nan), min_size=4, max_size=4),
        st.lists(VALUES, min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@limits(max_examples=60, deadline=None)
@given(ROWS)
def test_any_row_reaches_the_leaves_that_catboost_says(held: Any) -> None:
    numbers, texts = np.array([own for own, _ in held]), [said for _, said in held]
    assert made("one-hot and statistics").same(numbers, texts)


def test_values_without_end_are_forgotten_and_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaf_finder, "MOST", 20)
    one = made("statistics alone")
    for seed in range(12):
        numbers, _ = rows((4, 3), 8, seed)
        assert one.same(numbers, [[str(seed * 8 + n), "1", f"new {seed} {n}"] for n in range(8)])
        assert one.same(numbers, [["0", "1", "2"]] * 8)
    kept = [len(c.answers.places) for c in one.finder._categories.values()]
    assert max(kept) <= 20


def test_many_threads_learn_at_once() -> None:
    made.cache_clear()
    one = made("statistics alone")
    parts = [rows((4, 3), 40, seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda part: one.same(*part), parts))
