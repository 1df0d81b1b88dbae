"""Entities of one text key, as Feast's online stores keep them: asked for, keyed, given back."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import pack
from typing import Any, NamedTuple, Protocol

from feature_repo.feast_imports import EntityKey, ValueProto, serialize_entity_key

Stored = tuple[int, Mapping[str, bytes]]
"""When an entity was known, in microseconds since 1970, and its fields; 0, none where it is not."""
NOT_STORED: Stored = (0, {})


class Wanted(NamedTuple):
    """Entities of a feature view, by their texts, and the fields that are stored of them."""

    view: Any
    join_key: str
    fields: Sequence[str]
    entities: Sequence[str]


class OnlineRows(NamedTuple):
    """Entities [n] of a feature view, by their texts, and what is to be stored of them.

    `fields` hold a value [n] each, a Feast value of bytes as it is serialised; `known_us` [n] says
    when they were known.
    """

    view: Any
    join_key: str
    entities: Sequence[str]
    fields: Mapping[str, Sequence[bytes]]
    known_us: Sequence[int]


class StoresTogether(Protocol):
    """An online store with a quick way in and out for states, beside those that Feast uses."""

    def read_together(self, config: Any, wanted: Sequence[Wanted]) -> list[list[Stored]]:
        """What is stored of each view's entities, in their order."""
        ...

    def write_together(self, config: Any, rows: OnlineRows) -> None:
        """Write rows, whatever was stored of the same entities before."""
        ...


def entity_keys(join_key: str, texts: Sequence[str], version: int) -> list[bytes]:
    """What Feast makes of entities' keys: the same head for all, the text's length, the text.

    A message of Feast's for each costs as much as a read.
    """
    head = _head(join_key, version)
    encoded = [text.encode() for text in texts]
    return [head + pack("<I", len(text)) + text for text in encoded]


def serialised(value: bytes) -> bytes:
    """A Feast value of bytes, as it is stored."""
    whole: bytes = ValueProto(bytes_val=value).SerializeToString()
    return whole


def value_of(whole: bytes) -> bytes:
    """The bytes of a Feast value, as it is stored."""
    value: bytes = ValueProto.FromString(whole).bytes_val
    return value


@lru_cache(maxsize=8)
def _head(name: str, version: int) -> bytes:
    empty = EntityKey(join_keys=[name], entity_values=[ValueProto(string_val="")])
    whole: bytes = serialize_entity_key(empty, entity_key_serialization_version=version)
    return whole[: -len(pack("<I", 0))]
