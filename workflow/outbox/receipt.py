"""What became of one effect when it was handed to its connector."""

from typing import Literal

import msgspec

Verdict = Literal["delivered", "again", "never", "throttled", "away", "released"]


class EffectReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one effect.

    delivered: the receiver has it. again: it failed, to try again may help. never: it will not be
    taken as it is. throttled: the receiver asks to be left alone; nothing is wrong with the
    effect. away: the receiver does not answer, or refuses us; the next effect would fare alike.
    released: it was not begun.

    `rule` is a short slug, `cause` a sentence; both without personal data and secrets.
    `wait_s` is how long the receiver asks to wait, None where it does not say.
    """

    verdict: Verdict
    rule: str = ""
    cause: str = ""
    wait_s: float | None = None


DELIVERED = EffectReceipt(verdict="delivered")
RELEASED = EffectReceipt(verdict="released")
