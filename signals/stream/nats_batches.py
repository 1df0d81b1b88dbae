"""A batch from NATS: pulled, handled, settled."""

import asyncio
from collections.abc import Callable, Sequence

from faststream.nats.message import NatsBatchMessage
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext

from signals.stream.group_commit import Delivery
from signals.stream.headers import whence

DEAD_SUBJECT = "leadscore.dead"


class NatsBatch:
    """Satisfies `signals.stream.handler.Bus` for one batch."""

    def __init__(
        self, jetstream: JetStreamContext, messages: list[Msg], mine: Callable[[], bool]
    ) -> None:
        self._jetstream = jetstream
        placed = {place: (m, often) for m in messages for place, often in [_place_of(m)]}
        self._open = {place: m for place, (m, _) in placed.items()}
        self.mine = mine
        self.deliveries = [
            Delivery(m.data, place, often, *whence(m.headers or {}))
            for place, (m, often) in sorted(placed.items())
        ]

    async def settle(self, places: Sequence[int]) -> None:
        """Acknowledge; what does not arrive comes again, and is a duplicate then."""
        for place in places:
            await self._open.pop(place).ack()

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """Put a message on the dead-letter stream, with where it came from and why."""
        about = {
            **(self._open[delivery.place].headers or {}),
            "Leadscore-Reason": reason,
            "Leadscore-Subject": self._open[delivery.place].subject,
            "Leadscore-Sequence": str(delivery.place),
            "Leadscore-Deliveries": str(delivery.deliveries),
        }
        await self._jetstream.publish(DEAD_SUBJECT, delivery.body, headers=about)

    async def leave(self) -> None:
        """Give back what is not settled: it comes again before anything newer."""
        for place in sorted(self._open):
            await self._open[place].nak()

    async def keep(self, every_s: float) -> None:
        """Tell the bus regularly that the messages are being worked on, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            for message in list(self._open.values()):
                await message.in_progress()


def _place_of(message: Msg) -> tuple[int, int]:
    """A message's number in the stream and its deliveries: the client's own reads far more."""
    tokens = message.reply.split(".")
    at = 4 if len(tokens) == 9 else 6  # with a domain and an account there are two more in front
    return int(tokens[at + 1]), int(tokens[at])


class PatientSubscription(JetStreamContext.PullSubscription):
    """A pull subscription that has one way only to say that nothing came.

    The client raises asyncio's own timeout where the time is up between two of its requests. The
    broker's loop handles only the client's error: it would end, and what it had pulled would be
    lost until it was delivered again.
    """

    def __init__(
        self, subscription: JetStreamContext.PullSubscription, size: Callable[[], int]
    ) -> None:
        """`size`: how many messages a batch may have now, whoever asks for how many."""
        self.__dict__ = subscription.__dict__
        self._size = size

    async def fetch(
        self,
        batch: int = 1,  # noqa: ARG002
        timeout: float | None = 5,
        heartbeat: float | None = None,
    ) -> list[Msg]:
        """Up to a batch of messages. Raises nats.errors.TimeoutError where none came."""
        try:
            return await super().fetch(self._size(), timeout, heartbeat)
        except TimeoutError as nothing:
            raise NothingCame from nothing


async def buffered(subscription: JetStreamContext.PullSubscription | None) -> list[Msg]:
    """What arrived after the batch was closed: left lying, it would be delivered again."""
    if subscription is None or not subscription.pending_msgs:
        return []
    try:
        wanted = subscription.pending_msgs
        return await JetStreamContext.PullSubscription.fetch(subscription, wanted, timeout=0.1)
    except (NatsError, TimeoutError):
        return []


async def as_it_came(message: NatsBatchMessage) -> NatsBatchMessage:
    """A decoder that reads nothing."""
    return message
