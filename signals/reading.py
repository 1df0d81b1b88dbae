"""From a JSON document to a signal that may be committed, or to the rule it breaks."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from domain.clock import DAY, Clock, to_us
from domain.errors import BadSignal
from domain.signals import Signal, decode, encode
from signals.contracts import ContractBook, blank
from signals.identity import Known, read_identifiers
from signals.quarantine import Rejected

FUTURE_US = DAY
"""How far ahead of the clock an event may be: clocks differ, and zones are got wrong."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A signal that may be committed, with its identifiers as keys and its key in the log."""

    signal: Signal
    known: Known
    key: bytes
    body: bytes


class Reader:
    """Checks documents: envelope, time, contract, identifiers.

    `stamp`: a signal without `recordedtime` became known now, not when it happened.
    """

    def __init__(self, contracts: ContractBook, clock: Clock, *, stamp: bool) -> None:
        self._contracts = contracts
        self._clock = clock
        self._stamp = stamp

    def read_all(
        self, documents: Iterable[tuple[int, bytes]], origin: str
    ) -> tuple[list[Accepted], list[Rejected]]:
        """Read (line, document) pairs; `origin` names them in quarantine."""
        accepted: list[Accepted] = []
        refused: list[Rejected] = []
        latest = to_us(self._clock.now()) + FUTURE_US
        for line, document in documents:
            try:
                accepted.append(self._read(document, latest))
            except BadSignal as bad:
                refused.append(
                    Rejected(
                        rule=bad.rule, detail=bad.what, origin=origin, line=line, body=document
                    )
                )
        return accepted, refused

    def _read(self, document: bytes, latest: int) -> Accepted:
        signal = _decode(document)
        if not 0 < signal.time_us() <= signal.known_us() <= latest:
            raise BadSignal("time lies before 1970 or in the future", rule="impossible-time")
        self._contracts.check(signal)
        known = read_identifiers(signal.identifiers)
        if self._stamp and signal.recordedtime is None:
            now = max(signal.time, self._clock.now())
            signal = msgspec.structs.replace(signal, recordedtime=now)
            document = encode(signal)
        return Accepted(signal, known, event_key(signal.source, signal.id), document)


def event_key(source: str, event_id: str) -> bytes:
    """The log's key of an event: 16 bytes, by (source, id)."""
    return blake2b(f"{source}\0{event_id}".encode(), digest_size=16).digest()


def _decode(document: bytes) -> Signal:
    try:
        return decode(document)
    except msgspec.ValidationError as bad:
        raise BadSignal(blank(str(bad)), rule="envelope") from None
    except ValueError as bad:  # not JSON, or not UTF-8
        raise BadSignal(f"not JSON: {type(bad).__name__}", rule="not-json") from None
    except RecursionError:
        raise BadSignal("JSON nested too deeply", rule="not-json") from None
