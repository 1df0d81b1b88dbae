"""Events in every usual form of JSON: the same documents, each on its line; nothing is lost."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from signals.files.bounded_reading import LONGEST_LINE
from signals.files.json_documents import documents
from storage.yaml_files import parse_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('a"\\{}[],\n é', max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("k}", max_size=2), inner),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.fixed_dictionaries({"id": st.text("i\\", max_size=3), "data": VALUES}))


def read(raw: bytes) -> list[tuple[int, bytes]]:
    return list(documents(io.BufferedReader(io.BytesIO(raw)), "x"))


def forms(held: list[Any], indent: int) -> list[str]:
    return [
        json.dumps(held),
        json.dumps(held, indent=indent),
        "\ufeff" + json.dumps({"events": held}),
        json.dumps({"events": held}, indent=indent),
        "\n".join(json.dumps(one, indent=indent) for one in held),
        "\n".join(map(json.dumps, held)) + "\n",
    ]


@given(DOCUMENTS, st.integers(1, 4))
def test_every_form_holds_the_same_documents(held: list[Any], indent: int) -> None:
    for raw in forms(held, indent):
        found = read(raw.encode())
        assert [json.loads(body) for _, body in found] == held
        lines = raw.removeprefix("\ufeff").encode().split(b"\n")
        assert all(body.split(b"\n")[0] in lines[line - 1] for line, body in found)


@given(DOCUMENTS, st.integers(0, 500))
def test_what_is_cut_off_is_told_and_what_was_whole_is_kept(held: list[Any], at: int) -> None:
    for raw in forms(held, 2)[:2]:
        cut, rule = raw.encode()[:at], ""
        found: list[tuple[int, bytes]] = []
        try:
            found.extend(documents(io.BufferedReader(io.BytesIO(cut)), "x"))
        except BadInput as bad:
            rule = bad.rule
        assert rule == ("json-cut" if 0 < at < len(raw) else "")
        whole = [json.loads(body) for _, body in found[:-1]]
        assert whole == held[: len(whole)]


def test_what_stands_between_is_kept_too() -> None:
    bodies = [body for _, body in read(b'{\n"id": 1}\nrubbish\n{"id": 2} {"id": 3}')]
    assert bodies == [b'{\n"id": 1}', b"rubbish", b'{"id": 2}', b'{"id": 3}']
    assert [body for _, body in read(b'[1, "a,]", {}}, [3]]{"id": 4}')] == [
        b"1", b'"a,]"', b"{}", b"}", b"[3]", b'{"id": 4}',
    ]  # fmt: skip
    broken = read(b'{"id": "1", "so\n{"id": "2"}\n')
    assert [line for line, _ in broken] == [1, 2]


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"[" * 100_000, "json-depth"),
        (b'[{"a": ' + b"[{" * 9 + b'"' + b"x" * (LONGEST_LINE + 99), "line-length"),
        (b"x" * (LONGEST_LINE + (1 << 18)), "line-length"),
    ],
)
def test_what_never_ends_is_refused(raw: bytes, rule: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(raw)
    assert caught.value.rule == rule


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{one}: &{one} [{','.join([f'*{before}'] * 9)}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 100_000, "{a: " * 60, BOMB, "a: &a [*a]", "- 1\n" * 200_000,
             "x" * (2 << 20), "a: 1\na: 2", "a: {<<: *b}", "\0"]
)  # fmt: skip
def test_yaml_that_is_too_much_is_one_line(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_yaml(text, "f.yaml")
    assert "\n" not in str(caught.value)


def test_aliases_that_stand_for_little_are_taken() -> None:
    held = parse_yaml("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}", "f.yaml")
    assert held == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}
