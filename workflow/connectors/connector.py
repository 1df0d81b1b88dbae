"""What every connector is: effects go in, a receipt for each comes out."""

from collections.abc import Callable, Sequence
from typing import Protocol

from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import EffectReceipt

RecordId = Callable[[Effect], str]
"""The id of an effect's lead at a receiver, "" where it is not known."""


class EffectConnector(Protocol):
    """Carries effects to one receiver. Safe to use from one thread at a time."""

    @property
    def at_a_time(self) -> int:
        """So many effects one call takes at most."""
        ...

    def deliver(self, claimed: Sequence[ClaimedEffect], until: float) -> list[EffectReceipt]:
        """Deliver effects, none of one lead twice; a receipt for each, in their order.

        What is not begun by `until`, on the process's monotonic clock, is released. It never
        raises for what a receiver does. No receipt holds personal data or a secret.
        """
        ...
