"""The headers of a message: the origin of its document, and what a mapping rejected."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from domain.signals import Text
from signals.store.quarantine import Rejected

ORIGIN_HEADER, LINE_HEADER = "Leadscore-Origin", "Leadscore-Line"

REJECTED_HEADER = "Leadscore-Rejected"
"""Where a publisher says that its mapping rejected the row: a `RejectedRow` as JSON, quoted."""

TRACE_HEADER = "traceparent"
"""Where a producer names its trace (W3C Trace Context)."""

NO_LINE = 0
"""The line of a document that says of none: quarantined and published once more, it is the same."""

MOST_KEYS = 1_000
"""Keys that travel with a row. One of a mapping with more events is cured by the first alone."""

_Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/=]{16}$")]
_Keys = Annotated[tuple[_Key, ...], msgspec.Meta(max_length=MOST_KEYS)]


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the publisher's mapping rejected, see `signals.store.quarantine.Rejected`."""

    rule: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,199}$")]
    source: Text
    detail: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    keys: _Keys = ()
    row_keys: _Keys = ()

    def of(self, origin: str, line: int, body: bytes) -> Rejected:
        """What quarantine keeps of it."""
        return Rejected(
            rule=self.rule,
            detail=self.detail if self.detail.isprintable() else "",
            origin=origin,
            line=line,
            body=body,
            keys=self.keys,
            row_keys=self.row_keys,
            source=self.source,
        )


class Whence(NamedTuple):
    """The file's `origin` ("": none) and `line`, the producer's `trace`, the rejection."""

    origin: str = ""
    line: int = NO_LINE
    trace: str = ""
    rejected: RejectedRow | None = None


def headers_of(origin: str, line: int, rejected: RejectedRow | None) -> dict[str, str]:
    """The headers of a document; none where it is not from a file."""
    if not origin:
        return {}
    headers = {ORIGIN_HEADER: quote(origin), LINE_HEADER: str(line)}
    if rejected is not None:
        text = msgspec.json.encode(rejected).decode()
        headers[REJECTED_HEADER] = quote(text, safe='{}[]:,"/+=')
    return headers


def whence(headers: Mapping[str, str]) -> Whence:
    """The origin in a message's headers; an empty one where they name no file."""
    line, trace = headers.get(LINE_HEADER, ""), headers.get(TRACE_HEADER, "")
    rejected = _rejected(headers.get(REJECTED_HEADER, ""))
    if not line.isdecimal():
        return Whence(trace=trace, rejected=rejected)
    return Whence(_unquoted(headers.get(ORIGIN_HEADER, "")), int(line), trace, rejected)


_unquoted = lru_cache(maxsize=64)(unquote)
"""Most messages that come together are of one file."""


def _rejected(text: str) -> RejectedRow | None:
    """The rejection in the headers; None where there is none, or it cannot be relied on."""
    try:
        return msgspec.json.decode(unquote(text), type=RejectedRow) if text else None
    except ValueError:
        return None
