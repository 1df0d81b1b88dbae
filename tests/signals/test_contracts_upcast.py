"""Older versions read as the newest: what the steps do, and that what is foreseen comes true."""

from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadSignal
from domain.signals import Signal
from signals.contracts.contract import Contract, Field
from signals.contracts.registry import ContractRegistry
from signals.contracts.upcast_steps import read_step, write_step
from signals.contracts.upcasting import foresee
from tests.signals.contract_worlds import contracts, data_of, ladders, next_version, steps

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def signal(data: dict[str, Any], version: int = 1, kind: str = "made.up") -> Signal:
    return Signal(id="1", source="t", type=kind, time=NOON, data=data, dataversion=version)


@given(st.data())
def test_all_sound_old_data_come_to_sound_new_data(data: st.DataObject) -> None:
    ladder = data.draw(ladders())
    assert not [b for a, c in pairwise(ladder) for b in foresee(a, c)]
    book = ContractRegistry(ladder)
    at = data.draw(st.sampled_from(ladder))
    old = signal(data.draw(data_of(at)), at.version)
    before = msgspec.json.encode(old)
    book.check(old)
    new = book.upcast(old)
    book.check(new)
    assert new.dataversion == ladder[-1].version
    assert msgspec.json.encode(old) == before


@limits(max_examples=50)
@given(st.data())
def test_upcast_twice_is_upcast_once_and_by_stages_is_at_once(data: st.DataObject) -> None:
    ladder = data.draw(ladders())
    book, lower = ContractRegistry(ladder), ContractRegistry(ladder[:-1])
    old = signal(data.draw(data_of(ladder[0])))
    new = book.upcast(old)
    assert book.upcast(new) is new
    assert book.upcast(lower.upcast(old)) == new
    assert book.admit(old) == new


@given(st.data())
def test_what_is_not_foreseen_is_found(data: st.DataObject) -> None:
    """Any two versions: data that come out unsound were foreseen to."""
    older = data.draw(contracts())
    newer = data.draw(contracts())
    newer = msgspec.structs.replace(
        newer, version=2, upcast=tuple(data.draw(st.lists(steps(), max_size=3)))
    )
    book = ContractRegistry([older, newer])
    foreseen = any(foresee(older, newer))
    old = signal(data.draw(data_of(older)))
    with suppress(BadSignal) if foreseen else nullcontext():
        book.check(book.admit(old))


@limits(max_examples=30)
@given(st.data())
def test_steps_are_read_as_they_are_written(data: st.DataObject) -> None:
    newer = data.draw(next_version(data.draw(contracts())))
    assert tuple(read_step(write_step(step)) for step in newer.upcast) == newer.upcast


def _listed(*values: str) -> Field:
    return Field(name="n", kind="string", enum=values)


STEPS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"rename": "a", "to": "b"}, {"a": 1}, {"b": 1}),
    ({"rename": "a", "to": "b"}, {"c": 1}, {"c": 1}),
    ({"default": "a", "value": 7}, {}, {"a": 7}),
    ({"default": "a", "value": 7}, {"a": None}, {"a": 7}),
    ({"default": "a", "value": 7}, {"a": 1}, {"a": 1}),
    ({"drop": "a"}, {"a": 1, "b": 2}, {"b": 2}),
    ({"values": "a", "map": {"x": "y"}}, {"a": "x"}, {"a": "y"}),
    ({"values": "a", "map": {"x": "y"}}, {"a": "z"}, {"a": "z"}),
    ({"values": "a", "map": {"x": "y"}, "otherwise": "o"}, {"a": "z"}, {"a": "o"}),
    ({"values": "a", "map": {"x": "y"}, "otherwise": None}, {"a": "z"}, {"a": None}),
    ({"scale": "a", "by": 60}, {"a": 2}, {"a": 120}),
    ({"scale": "a", "by": 0.5}, {"a": 3}, {"a": 1.5}),
    ({"scale": "a", "by": 60}, {"a": None}, {"a": None}),
    ({"round": "a"}, {"a": 2.6}, {"a": 3}),
    ({"text": "a"}, {"a": True}, {"a": "true"}),
    ({"text": "a"}, {"a": 12}, {"a": "12"}),
    ({"clamp": "a", "minimum": 0, "maximum": 5}, {"a": 9}, {"a": 5}),
    ({"clamp": "a", "minimum": 0}, {"a": -9}, {"a": 0}),
]


@pytest.mark.parametrize(("step", "before", "after"), STEPS)
def test_a_step(step: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    names = sorted({*before, *after, "a"})
    older = Contract(name="t.t", channel="t", fields=tuple(_any(name) for name in names))
    newer = msgspec.structs.replace(older, version=2, upcast=(read_step(step),))
    old = signal(before, kind="t.t")
    assert ContractRegistry([older, newer]).upcast(old) == signal(after, 2, "t.t")


def _any(name: str) -> Field:
    return Field(name=name, kind="string")


@pytest.mark.parametrize("step", [{"drop": "a", "rename": "b"}, {"run": "a"}, {}, "drop", ["drop"]])
def test_no_other_step_is_read(step: object) -> None:
    with pytest.raises(ValueError, match="a step is one of rename, default, drop, values"):
        read_step(step)


def test_a_field_that_the_old_version_did_not_name_is_not_read_as_the_new_one() -> None:
    older = Contract(name="t.t", channel="t")
    newer = Contract(name="t.t", version=2, channel="t", fields=(Field(name="n", kind="integer"),))
    book = ContractRegistry([older, newer])
    assert book.admit(signal({"n": "many", "m": 1}, kind="t.t")) == signal({"m": 1}, 2, "t.t")


def test_a_number_that_grows_out_of_bounds_is_refused_not_made_infinite() -> None:
    number = Field(name="n", kind="number")
    older = Contract(name="t.t", channel="t", fields=(number,))
    scale = read_step({"scale": "n", "by": 1e10})
    newer = Contract(name="t.t", version=2, channel="t", fields=(number,), upcast=(scale,))
    with pytest.raises(BadSignal) as bad:
        ContractRegistry([older, newer]).admit(signal({"n": 1e300}, kind="t.t"))
    assert bad.value.rule == "upcast"


NARROW = Field(name="n", kind="integer", minimum=-4, maximum=0)
FREE = Field(name="n", kind="string")
FORESEEN: list[tuple[Field, list[dict[str, Any]], Field, bool]] = [
    (
        Field(name="n", kind="integer", minimum=0, maximum=2),
        [{"scale": "n", "by": -2}],
        NARROW,
        True,
    ),
    (
        Field(name="n", kind="integer", minimum=0, maximum=3),
        [{"scale": "n", "by": -2}],
        NARROW,
        False,
    ),
    (NARROW, [{"scale": "n", "by": 0.5}], NARROW, False),
    (FREE, [{"values": "n", "map": {"x": "a"}, "otherwise": "b"}], _listed("a", "b"), True),
    (FREE, [{"values": "n", "map": {"x": "a"}, "otherwise": "b"}], _listed("a"), False),
    (FREE, [{"values": "n", "map": {"x": "a"}}], _listed("a"), False),
    (_listed("x", "y"), [{"values": "n", "map": {"x": "a"}}], _listed("a", "y"), True),
    (
        _listed("x", "y"),
        [{"values": "n", "map": {"x": "a"}, "otherwise": None}],
        _listed("a"),
        True,
    ),
    (FREE, [{"clamp": "n", "minimum": 0}], FREE, False),
    (Field(name="n", kind="boolean"), [{"text": "n"}], _listed("true", "false"), True),
    (Field(name="n", kind="number"), [{"round": "n"}], Field(name="n", kind="integer"), True),
]


@pytest.mark.parametrize(("was", "by", "becomes", "leads"), FORESEEN)
def test_what_is_foreseen(
    was: Field, by: list[dict[str, Any]], becomes: Field, leads: bool
) -> None:
    steps = tuple(map(read_step, by))
    older = Contract(name="t.t", channel="t", fields=(was,))
    newer = Contract(name="t.t", version=2, channel="t", fields=(becomes,), upcast=steps)
    assert any(foresee(older, newer)) != leads


def test_a_name_that_only_the_steps_use_hides_no_foreign_value() -> None:
    steps = tuple(map(read_step, [{"rename": "a", "to": "tmp"}, {"rename": "tmp", "to": "b"}]))
    field = Field(name="a", kind="integer")
    older = Contract(name="t.t", channel="t", fields=(field,))
    named = msgspec.structs.replace(field, name="b")
    newer = Contract(name="t.t", version=2, channel="t", fields=(named,), upcast=steps)
    assert not any(foresee(older, newer))
    foreign = signal({"tmp": "x"}, kind="t.t")
    assert ContractRegistry([older, newer]).admit(foreign).data == {}
