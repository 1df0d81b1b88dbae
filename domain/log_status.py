"""Where the log stands."""

import msgspec


class LogStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of itself: its newest moment, and how much is quarantined, by rule."""

    watermark_us: int
    quarantined: dict[str, int]
