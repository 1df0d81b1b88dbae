"""A calibrator's shift: on the log-odds of every kind alike, kept with it, absent of old."""

import msgspec
import numpy as np
import pytest

from domain.scores import Calibrator

GRID = np.linspace(-12, 12, 4001)
KINDS = [
    Calibrator(),
    Calibrator(kind="platt", coefficients=(0.6, -0.8)),
    Calibrator(kind="beta", coefficients=(0.5, 1.5, -0.3)),
    Calibrator(kind="isotonic", coefficients=(1e-4,), x=(-2.0, 0.0, 2.0), y=(0.05, 0.3, 0.7)),
]


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.kind)
@pytest.mark.parametrize("shift", [-1.3, -0.1, 0.4])
def test_a_shift_is_added_to_the_log_odds(one: Calibrator, shift: float) -> None:
    plain = one.apply(GRID)
    moved = msgspec.structs.replace(one, shift=shift).apply(GRID)
    odds = plain / (1 - plain)
    np.testing.assert_allclose(moved, odds * np.exp(shift) / (1 + odds * np.exp(shift)), rtol=1e-9)
    assert np.all(np.diff(moved) > 0), "leads keep their order"


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.kind)
def test_a_shift_is_kept_bit_for_bit(one: Calibrator) -> None:
    held = msgspec.structs.replace(one, shift=-0.1 - 0.2)
    read = msgspec.json.decode(msgspec.json.encode(held), type=Calibrator)
    assert read == held
    assert read.apply(GRID).tobytes() == held.apply(GRID).tobytes()


def test_a_calibrator_of_old_has_no_shift() -> None:
    old = b'{"kind":"platt","coefficients":[0.5,-1.0],"x":[],"y":[]}'
    assert msgspec.json.decode(old, type=Calibrator).shift == 0.0


def test_a_shift_leaves_certainty_as_it_is() -> None:
    one = Calibrator(kind="isotonic", x=(-1.0, 1.0), y=(0.0, 1.0), shift=0.7)
    np.testing.assert_array_equal(one.apply(np.array([-3.0, 3.0])), [0.0, 1.0])
