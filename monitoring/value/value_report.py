"""What a value report holds."""

import msgspec

from domain.measurement import Interval
from monitoring.value.routing_lift import RoutingLift
from monitoring.value.self_feeding import SelfFeeding

MOST_POINTS = 51
"""Of a curve, that are kept."""


class UpliftShare(msgspec.Struct, frozen=True, kw_only=True):
    """A fifth of the leads by predicted uplift, the highest first: what working them gains.

    `gain` is in conversions per lead; its bounds hold at all looks.
    """

    name: str
    leads: int
    predicted: float
    gain: Interval


class Uplift(msgspec.Struct, frozen=True, kw_only=True):
    """Which leads gain by being worked, as far as the data tell; `why` says what they lack.

    `average` is what working a lead drawn at random gains. `qini` is the area between the curve
    and any order: above 0 where leads are ranked by their gain. `targeted` and `gained` are the
    curve: the share worked first, and conversions gained per lead.
    """

    tells: bool
    why: str = ""
    leads: int = 0
    worked: int = 0
    accounts: int = 0
    average: Interval | None = None
    qini: Interval | None = None
    shares: tuple[UpliftShare, ...] = ()
    targeted: tuple[float, ...] = ()
    gained: tuple[float, ...] = ()


class ValueReport(msgspec.Struct, frozen=True, kw_only=True):
    """What routing is worth: its lift, who gains by being worked, and whether scores are honest.

    `leads` count by their first decision that has matured and whose chances are recorded.
    `actions` count as being worked.
    """

    reported: str
    outcome: str
    horizon_days: float
    actions: tuple[str, ...]
    decisions: int
    leads: int
    lifts: tuple[RoutingLift, ...]
    uplift: Uplift
    feeding: SelfFeeding
