"""From a JSON document to a signal that may be committed, or to the rule it breaks."""

from binascii import a2b_base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from domain.clock import DAY, Clock, to_us
from domain.errors import BadSignal
from domain.findings import QualityFindings, label
from domain.signals import Signal, decode, encode
from domain.state import Vector, event_digest, tie_of
from signals.contracts.registry import ContractRegistry, blank
from signals.identifiers.normalization import EventIdentifiers, IdentifierReader
from signals.quality.event_gate import Impossible
from signals.quality.ingest_gates import IngestGates
from signals.store.event_keys import key_of, named_in
from signals.store.quarantine import Rejected

IDENTIFIERS = "identifiers"
"""The gate that counts identifiers that were left out, by rule and by source, type and kind."""

FUTURE_US = 366 * DAY
"""What lies further ahead of the clock is no time at all; nearer, the quality gates decide."""


@dataclass(slots=True)
class ValidEvent:
    """A signal that may be committed, with its identifiers as keys and its key in the log.

    `tie` orders events of the same moment; `sequence` is its number in the log, 0 before that.
    """

    signal: Signal
    known: EventIdentifiers
    key: str
    body: bytes
    time_us: int
    known_us: int
    tie: float
    sequence: int = 0


class EventValidator:
    """Checks documents: envelope, time, contract, identifiers.

    `stamp`: a signal without `recordedtime` became known now, not when it happened.
    """

    def __init__(
        self,
        contracts: ContractRegistry,
        clock: Clock,
        door: IngestGates,
        identifiers: IdentifierReader | None = None,
        *,
        stamp: bool,
    ) -> None:
        self.door = door
        self._identifiers = identifiers or IdentifierReader()
        self._contracts = contracts
        self._clock = clock
        self._stamp = stamp

    def read_all(
        self, documents: Iterable[tuple[int, bytes]], origin: str, findings: QualityFindings
    ) -> tuple[list[ValidEvent], list[Rejected]]:
        """Read (line, document) pairs; `origin` names them in quarantine."""
        accepted: list[ValidEvent] = []
        refused: list[Rejected] = []
        now_us = to_us(self._clock.now())
        for line, document in documents:
            try:
                accepted.append(self._read(document, now_us, findings))
            except BadSignal as bad:
                refused.append(
                    Rejected(
                        rule=bad.rule,
                        detail=bad.what,
                        origin=origin,
                        line=line,
                        body=document,
                        keys=named_in(document),
                        counted=isinstance(bad, Impossible),
                    )
                )
        return accepted, refused

    def _read(self, document: bytes, now_us: int, findings: QualityFindings) -> ValidEvent:
        signal = _decode(document)
        time_us = signal.time_us()
        recorded_us = None if signal.recordedtime is None else to_us(signal.recordedtime)
        known_us = time_us if recorded_us is None else max(time_us, recorded_us)
        if not 0 < time_us <= known_us <= now_us + FUTURE_US:
            raise BadSignal("time lies before 1970 or a year ahead", rule="impossible-time")
        self._contracts.admit(signal)
        self.door.check(signal, time_us, recorded_us, now_us, findings)
        known = self._identifiers.read(signal.identifiers)
        for left_out in known.left_out:
            whence = label(f"{signal.source}/{signal.type}")
            findings.add(IDENTIFIERS, left_out.rule, f"{whence}/{left_out.where}")
        if self._stamp and signal.recordedtime is None:
            now = max(signal.time, self._clock.now())
            signal = msgspec.structs.replace(signal, recordedtime=now)
            document, known_us = encode(signal), to_us(now)
        digest = event_digest(signal.source, signal.id)
        key = key_of(digest)
        return ValidEvent(signal, known, key, document, time_us, known_us, tie_of(digest))


def ties_of(keys: Sequence[str]) -> Vector:
    """The ties [n] of the log's keys, see `domain.state.tie_of`."""
    digests = np.frombuffer(a2b_base64("".join(keys)), dtype=np.uint8).reshape(len(keys), -1)
    first = np.ascontiguousarray(digests[:, :8]).view(">u8")[:, 0]
    return ((first >> 12) + 1).astype(np.float64)


def _decode(document: bytes) -> Signal:
    try:
        return decode(document)
    except msgspec.ValidationError as bad:
        raise BadSignal(blank(str(bad)), rule="envelope") from None
    except UnicodeDecodeError as bad:
        raise BadSignal(f"not UTF-8 at byte {bad.start}", rule="not-json") from None
    except ValueError as bad:  # of msgspec, which tells the byte and nothing of the content
        raise BadSignal(f"not JSON: {bad}", rule="not-json") from None
    except RecursionError:
        raise BadSignal("JSON nested too deeply", rule="not-json") from None
