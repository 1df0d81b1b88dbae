"""The ids of decisions: unique, and in the order of time."""

from collections.abc import Callable

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = (1 << 62) - 1
_PARTS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))


def new_decision_id(now_us: int, random_bytes: Callable[[int], bytes]) -> str:
    """A UUID of version 7 (RFC 9562) of a moment in microseconds since 1970.

    The 12 bits after the milliseconds hold the fraction of the millisecond (its section 6.2,
    method 3), so ids sort as their moments do; 62 bits come from `random_bytes`, which is asked
    for 8 bytes.

    >>> new_decision_id(1_700_000_000_123_456, lambda n: bytes(n))
    '018bcfe5-687b-774b-8000-000000000000'
    """
    milliseconds, rest = divmod(now_us, 1000)
    moment = (milliseconds << 80) | _VERSION_7 | ((rest * 4096 // 1000) << 64)
    chance = int.from_bytes(random_bytes(8), "big") & _RANDOM_BITS
    digits = f"{moment | _VARIANT | chance:032x}"
    return "-".join([digits[at:to] for at, to in _PARTS])
