"""The signal: what happened, in the terms of CloudEvents 1.0, plus whom it happened to."""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from domain.clock import to_us

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Aware = Annotated[datetime, msgspec.Meta(tz=True)]
ACTION_ID = r"^[A-Za-z0-9._:-]+$"
LONGEST_ACTION_ID = 128
ActionId = Annotated[str, msgspec.Meta(pattern=ACTION_ID, max_length=LONGEST_ACTION_ID)]
TypeName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", max_length=128)]


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event as its producer tells it.

    `source` and `id` together name the event: a second one with both the same is a duplicate.
    `time` is when it happened, `recordedtime` when it became known (never before `time`).
    `identifiers` holds values by kind, one or several each; `data` is what its type's contract
    says, at version `dataversion`. `actionid`, an extension attribute, names the action of ours
    that it answers or tells of, such as an e-mail that we sent; None where there is none.
    """

    id: Text
    source: Text
    type: TypeName
    time: Aware
    specversion: Literal["1.0"] = "1.0"
    dataversion: Annotated[int, msgspec.Meta(ge=1)] = 1
    recordedtime: Aware | None = None
    actionid: ActionId | None = None
    identifiers: dict[str, Any] = {}
    data: dict[str, Any] = {}

    def time_us(self) -> int:
        """When it happened, in microseconds since 1970."""
        return to_us(self.time)

    def known_us(self) -> int:
        """When it became known, in microseconds since 1970; at the earliest when it happened."""
        happened = to_us(self.time)
        return happened if self.recordedtime is None else max(happened, to_us(self.recordedtime))


class UnattributedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a signal of the log tells beside whom it happened to and who says so.

    It was checked as a signal when it was accepted.
    """

    type: str
    time: datetime
    dataversion: int = 1
    actionid: Any = None
    data: dict[str, Any] = {}


EventT = TypeVar("EventT", Signal, UnattributedEvent)
"""What an event tells, with or without whom it happened to."""


class Counts(msgspec.Struct, kw_only=True):
    """What became of a batch: received = accepted + duplicates + quarantined, always.

    `cured`: so many documents left quarantine, because what they tell has come in.
    """

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    cured: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            received=self.received + other.received,
            accepted=self.accepted + other.accepted,
            duplicates=self.duplicates + other.duplicates,
            quarantined=self.quarantined + other.quarantined,
            cured=self.cured + other.cured,
        )


MOST_REFUSED = 100
"""So many refused events are told of, at most."""


class RefusedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not accepted: its place among those that were sent, from 0, and why.

    `detail` holds no personal data.
    """

    index: int
    rule: str
    detail: str


class Receipt(Counts, kw_only=True):
    """What became of events, and which were refused by which rule, the first of them.

    A refused event that is in quarantine already counts as a duplicate, and is told of again.
    """

    refused: list[RefusedEvent] = []
    refused_total: int = 0


_decoder = msgspec.json.Decoder(Signal)
_happening = msgspec.json.Decoder(UnattributedEvent)
_encoder = msgspec.json.Encoder()


def decode(line: bytes) -> Signal:
    """A signal from one JSON document.

    Raises msgspec.DecodeError (its subclass ValidationError where the JSON itself is sound).
    """
    return _decoder.decode(line)


def recall(line: bytes) -> UnattributedEvent:
    """What happened, of a signal that was accepted once; takes half as long as all of it."""
    return _happening.decode(line)


def encode(signal: Signal) -> bytes:
    """The JSON document of a signal; `decode(encode(s)) == s`."""
    return _encoder.encode(signal)
