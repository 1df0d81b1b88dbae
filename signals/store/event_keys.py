"""What names an event, and a row of a table of which a mapping makes events."""

import re
from binascii import b2a_base64
from collections.abc import Sequence

import msgspec

from domain.state import event_digest

_OF_ROW = re.compile(rb'\{"id":"([0-9a-f]{24}(?:-\d+)?):[^"\\]*","source":"([^"\\]*)"')
"""How a document begins that a mapping made: see `mapped_id`."""


class _Named(msgspec.Struct):
    id: str = ""
    source: str = ""


_decoder = msgspec.json.Decoder(_Named)


def key_of(digest: bytes) -> str:
    """The log's key of an event: its digest in base 64, 16 characters."""
    return b2a_base64(digest, newline=False).decode()


def event_key(source: str, event_id: str) -> str:
    """The log's key of the event of this source and id."""
    return key_of(event_digest(source, event_id))


def mapped_id(row: str, name: str) -> str:
    """The id of one event of a row; `row` digests what names the row, in 24 hex digits."""
    return f"{row}:{name}"


def row_key(source: str, row: str) -> str:
    """What names a row of a source, whichever events a mapping makes of it."""
    return event_key(source, mapped_id(row, ""))


def row_keys(documents: Sequence[bytes]) -> list[str | None]:
    """Of each document the key of the row that a mapping made it of; None where none did."""
    matches = map(_OF_ROW.match, documents)
    return [m and row_key(m[2].decode(), m[1].decode()) for m in matches]


def named_in(document: bytes) -> tuple[str, ...]:
    """The key of the event that a document tells, however wrong the rest of it is; or none."""
    try:
        payload = _decoder.decode(document)
        return (event_key(payload.source, payload.id),) if payload.source and payload.id else ()
    except (ValueError, RecursionError):
        return ()
