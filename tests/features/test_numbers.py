"""The compiled number features against the slow ones in numpy, on states of every kind."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from domain.definition import (
    Backlog,
    Family,
    FeatureDefinition,
    ProfileAttribute,
    Ratio,
    Transition,
)
from domain.errors import BadInput
from domain.state import (
    DAY,
    DAY_BITS,
    FAMILIES,
    SECONDS_PER_DAY,
    SEQUENCE,
    SEQUENCE_LENGTH,
    WORD,
    Matrix,
    Vector,
    layout_of,
)
from feature_repo.catalogue import number_names
from feature_repo.features import numbers
from feature_repo.number_plan import columns_of
from feature_repo.standard import standard_service
from tests.features import slow_numbers

NOW = 1.7e9
MOMENTS = st.floats(NOW - 90 * SECONDS_PER_DAY, NOW + 40 * SECONDS_PER_DAY)


@st.composite
def definitions(draw: st.DrawFn) -> FeatureDefinition:
    """Definitions of every width: from one family alone to all there is."""
    names = [f"f{i}" for i in range(draw(st.integers(1, 5)))]
    family, few = st.sampled_from(names), st.integers(0, 2)
    lives = draw(st.lists(st.sampled_from([0.5, 1.0, 7.0, 30.0]), min_size=1, unique=True))
    pairs = st.tuples(family, family)

    def some(kind: str) -> list[tuple[str, tuple[str, str]]]:
        return [(f"{kind}{i}", draw(pairs)) for i in range(draw(few))]

    life = st.sampled_from([None, 0.0, *lives])
    return FeatureDefinition(
        service="any",
        version=1,
        accounts=draw(st.booleans()),
        half_lives_days=tuple(sorted(lives)),
        families=tuple(
            Family(
                name=name,
                channel=draw(st.sampled_from("abc")),
                types=("x",),
                value=draw(st.sampled_from([None, "v"])),
                distinct=draw(st.sampled_from([None, "d"])),
            )
            for name in names
        ),
        attributes=tuple(
            ProfileAttribute(name=f"a{i}", kind="number", types=("x",), field="y")
            for i in range(draw(few))
        ),
        ratios=tuple(
            Ratio(name=n, of=a, over=b, half_life_days=draw(life), prior=0.3, weight=2.0)
            for n, (a, b) in some("r")
        ),
        backlogs=tuple(Backlog(name=n, opened=a, closed=b) for n, (a, b) in some("b")),
        transitions=tuple(Transition(name=n, begins=a, ends=b) for n, (a, b) in some("t")),
    )


@st.composite
def states(draw: st.DrawFn, d: FeatureDefinition, rows: int) -> tuple[Matrix, Matrix]:
    """Leads and accounts whose slots hold anything; what holds bits or codes, bits and codes."""
    layout, random = layout_of(d), np.random.default_rng(draw(st.integers(0, 1 << 32)))
    held = draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    missing = draw(st.sampled_from([0.0, 0.05]))

    def mixed(*shape: int) -> Matrix:
        """Times and small numbers, some of them zero, some missing."""
        times = NOW - random.uniform(-1.0, 60.0, shape) * SECONDS_PER_DAY
        out = np.where(random.random(shape) < 0.5, times, random.exponential(3.0, shape))
        out[random.random(shape) < missing] = np.nan
        out[random.random(shape) >= held] = 0.0
        return out

    def bits(*shape: int) -> Matrix:
        words = random.integers(0, 1 << WORD, shape).astype(np.float64)
        return np.where(random.random(shape) < held, words, 0.0)

    leads = mixed(rows, layout.width)
    codes = random.integers(0, layout.families + 1, (rows, SEQUENCE_LENGTH))
    leads[:, SEQUENCE + 2 : FAMILIES : 3] = codes
    leads[:, DAY] = np.floor(NOW / SECONDS_PER_DAY) - random.integers(-2, 60, rows)
    leads[:, DAY_BITS] = bits(rows)
    leads[:, layout.sets_at :] = bits(rows, layout.width - layout.sets_at)
    return leads, mixed(rows, layout.account_width if d.accounts else 0)


def close(held: Matrix, wanted: Matrix) -> None:
    np.testing.assert_allclose(held, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value")
@settings(max_examples=150)
@given(st.data(), st.one_of(st.just(standard_service()), definitions()), st.integers(0, 3))
def test_compiled_and_slow_numbers_agree(data: Any, d: FeatureDefinition, rows: int) -> None:
    leads, accounts = data.draw(states(d, rows))
    as_of: Vector = data.draw(
        arrays(np.float64, rows, elements=st.sampled_from([0.0, NOW]) | MOMENTS)
    )
    wanted = slow_numbers.numbers(d, leads, accounts, as_of)
    close(numbers(d, leads, accounts, as_of), wanted)
    # a row's features are its own, however the rows are laid out in memory
    apart = [numbers(d, leads[i:][:1], accounts[i:][:1], as_of[i:][:1]) for i in range(rows)]
    np.testing.assert_array_equal(
        np.concatenate([wanted[:0], *apart]), numbers(d, leads, accounts, as_of)
    )
    close(numbers(d, np.asfortranarray(leads), np.asfortranarray(accounts), as_of), wanted)


@given(definitions())
def test_a_column_for_every_name(d: FeatureDefinition) -> None:
    assert columns_of(d).width == len(number_names(d))


@pytest.mark.parametrize("wrong", ["leads", "accounts", "moments"])
def test_other_shapes_are_refused(wrong: str) -> None:
    d = standard_service()
    layout = layout_of(d)
    held = {
        "leads": np.zeros((2, layout.width)),
        "accounts": np.zeros((2, layout.account_width)),
        "moments": np.zeros(2),
    }
    held[wrong] = held[wrong][..., :-1]
    with pytest.raises(BadInput) as refused:
        numbers(d, held["leads"], held["accounts"], held["moments"])
    assert refused.value.rule == "state-width"


def test_a_definition_without_accounts_asks_for_none() -> None:
    alone = msgspec.structs.replace(standard_service(), accounts=False)
    layout = layout_of(alone)
    none, some = (
        numbers(alone, np.zeros((1, layout.width)), np.zeros((1, wide)), np.zeros(1))
        for wide in (0, 9)
    )
    np.testing.assert_array_equal(none, some)
