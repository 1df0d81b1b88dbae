"""What a look at a whole store found, and where a chain stood."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

Anchored = Mapping[int, str]
"""Hashes of a chain's entries by their numbers, from 1, as they were written down elsewhere."""
UNANCHORED: Anchored = MappingProxyType({})
"""Of a chain of which nothing was written down."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entry of a chain: its number, from 1, and its hash; 0 for an empty one."""

    sequence: int
    hash: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A store, how much of it was read, and the first thing that does not fit ("" for none).

    `broken` is the number of the entry that it is about, None where it is about none.
    """

    store: str
    count: int
    broken: int | None = None
    fault: str = ""


def cut_off(store: str, count: int, anchored: Anchored) -> Verified:
    """A chain of so many entries that all fit; a fault where an anchor lies beyond its end."""
    beyond = min((number for number in anchored if number > count), default=None)
    if beyond is None:
        return Verified(store=store, count=count)
    fault = f"it ends with entry {count}, entry {beyond} was anchored: its end was cut off"
    return Verified(store=store, count=count, broken=count + 1, fault=fault)
