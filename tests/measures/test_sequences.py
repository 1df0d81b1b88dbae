"""Confidence sequences: as by hand, as another library has them, and seldom wrong at any look."""

import numpy as np
import pytest
import ville
from hypothesis import given
from hypothesis import strategies as st
from ville import normal_mixture

from measures.confidence_sequences import (
    arm_differences,
    best_precision,
    boundary,
    confidence_sequence,
    functional_interval,
)
from measures.ranking import auroc, auroc_influence

ALPHA = 0.05


def test_independent_values_are_bounded_as_by_ville() -> None:
    values = np.random.default_rng(1).gamma(2.0, 3.0, 4000)
    found = confidence_sequence(values, best_at=500, fewest=100)
    other = ville.AsymptoticCS(alpha=ALPHA, t_opt=500, min_samples=100)
    other.rho_ = best_precision(500, ALPHA)
    other.fit(values)
    np.testing.assert_allclose(found.value, other.estimate_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.low, other.lower_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.high, other.upper_, rtol=0, atol=1e-9)


def test_the_boundary_is_villes_and_lowest_where_it_is_tuned() -> None:
    time = np.geomspace(1, 1e6, 50)
    for best_at in (10, 1000, 50_000):
        mine = best_precision(best_at, ALPHA)
        np.testing.assert_allclose(
            boundary(time, ALPHA, mine), normal_mixture(time, ALPHA, mine), rtol=1e-9
        )
        at = np.array([best_at])
        other = [boundary(at, ALPHA, mine * f)[0] for f in (0.9, 1.1)]
        assert boundary(at, ALPHA, mine)[0] < min(other)


def test_sums_by_unit_are_as_by_hand() -> None:
    random = np.random.default_rng(2)
    unit = random.integers(0, 40, 300)
    values = random.normal(size=300) + random.normal(size=40)[unit]
    found = confidence_sequence(values, unit, fewest=5, best_at=30)
    for n in (50, 177, 300):
        sums = np.bincount(unit[:n], values[:n], 40)
        sizes = np.bincount(unit[:n], minlength=40)
        mean = values[:n].mean()
        spread = max(((sums - sizes * mean) ** 2).sum(), ((values[:n] - mean) ** 2).sum())
        units = n**2 / (sizes**2).sum()
        half = np.sqrt(spread / (units - 1)) / n
        half *= boundary(np.array([units]), ALPHA, best_precision(30, ALPHA))[0]
        assert found.units[n - 1] == pytest.approx(units)
        assert found.high[n - 1] == pytest.approx(mean + half)
        assert found.low[n - 1] == pytest.approx(mean - half)


def test_one_unit_with_everything_bounds_nothing() -> None:
    values = np.random.default_rng(3).normal(size=5000)
    alone = np.zeros(5000, dtype=int)
    assert np.isinf(confidence_sequence(values, alone).high).all()
    alone[:50] = np.arange(1, 51)  # and fifty others beside it
    assert np.isinf(confidence_sequence(values, alone).high[-1])


@given(st.integers(0, 2**32), st.permutations(range(12)))
def test_names_of_units_do_not_matter_and_looks_are_those_of_every_value(
    seed: int, names: list[int]
) -> None:
    random = np.random.default_rng(seed)
    unit, values = random.integers(0, 12, 200), random.normal(size=200)
    every = confidence_sequence(values, unit, fewest=2)
    some = confidence_sequence(values, np.array(names)[unit], fewest=2, looks=[20, 200])
    assert some.value.tolist() == every.value[[19, 199]].tolist()
    assert some.high.tolist() == every.high[[19, 199]].tolist()
    turned = confidence_sequence(-values, unit, fewest=2)
    np.testing.assert_allclose(turned.high, -every.low)


@pytest.mark.parametrize("together", [0.0, 1.0])
def test_the_mean_is_seldom_left_at_any_look(together: float) -> None:
    left = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        unit = random.integers(0, 600, 3000)
        values = random.exponential(size=3000) - 1 + together * random.normal(size=600)[unit]
        found = confidence_sequence(values, unit, looks=np.arange(200, 3001, 50))
        left += bool(((found.low > 0) | (found.high < 0)).any())
    assert left <= 0.05 * 300


def test_an_auroc_is_bounded_by_its_influence() -> None:
    random = np.random.default_rng(4)
    y = (random.random(2000) < 0.2).astype(float)
    s = y + random.normal(size=2000) * 1.5
    moved = auroc_influence(y, s)
    assert moved.mean() == pytest.approx(0, abs=1e-12)
    dropped = np.delete(np.arange(2000), 7)  # the jackknife says how far a row moves it
    jackknife = 2000 * auroc(y, s) - 1999 * auroc(y[dropped], s[dropped]) - auroc(y, s)
    assert moved[7] == pytest.approx(jackknife, abs=0.01)
    found = functional_interval(auroc(y, s), moved, np.arange(2000))
    assert 0.03 < found.high - found.value < 0.08
    with pytest.raises(ValueError, match="both classes"):
        auroc_influence([1, 1], [0.1, 0.2])


def test_arms_differ_by_inverse_propensities() -> None:
    random = np.random.default_rng(5)
    drawn = random.random(200_000) < 0.25
    y = random.random(200_000) < np.where(drawn, 0.3, 0.2)
    assert arm_differences(y, drawn, 0.25).mean() == pytest.approx(0.1, abs=0.01)
    with pytest.raises(ValueError, match="share"):
        arm_differences([1], [True], 1.0)


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ([1.0, np.nan], {}),
        ([1.0, 2.0], {"looks": [2, 1]}),
        ([1.0, 2.0], {"looks": [3]}),
        ([], {}),
        ([1.0], {"level": 1.0}),
        ([1.0], {"best_at": 0}),
        ([1.0], {"fewest": 1}),
        ([1.0, 2.0], {"units": [1]}),
    ],
)
def test_what_cannot_be_is_refused(values: list[float], arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|not|value"):
        confidence_sequence(values, **arguments)  # type: ignore[arg-type]
