"""Events as CloudEvents 1.0 sends them over HTTP: one, a batch, or one in headers and body.

The modes of the HTTP protocol binding: structured (`application/cloudevents+json`), batched
(`application/cloudevents-batch+json`), and binary (attributes in `ce-*` headers, the body is the
data). Whom an event is about is the extension attribute `identifiers`: an object, or, as
attributes are texts there, its JSON.
"""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Iterable
from typing import Annotated, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from domain.errors import BadInput
from serving.http import schemas

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
PREFIX = b"ce-"
MARK = b"ce-specversion"
"""The header that tells binary mode."""

Headers = Iterable[tuple[bytes, bytes]]
CloudEventBatch = Annotated[list[msgspec.Raw], msgspec.Meta(max_length=schemas.MAX_EVENTS)]
_ESCAPED = re.compile(r"\\(.)")
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})


class Sent(NamedTuple):
    """Events that were sent, as documents; `alone` where the request is one event."""

    documents: list[bytes]
    alone: bool = False


def takes(headers: Headers) -> bool:
    """Whether `POST /events` takes a body that came with these headers."""
    values = dict(headers)
    if b"content-type" not in values:
        return True
    media, charset = _media(values[b"content-type"])
    if media in {ONE, BATCH}:
        return charset in _UTF8
    return media == JSON or (MARK in values and media.endswith("+json"))


def sent(headers: Headers, body: bytes) -> Sent:
    """The events of a request. Raises MalformedBody or BadInput where they cannot be separated."""
    pairs = list(headers)
    values = dict(pairs)
    media, _ = _media(values.get(b"content-type", b""))
    if media == ONE:
        return Sent([plain(schemas.decode(msgspec.Raw, body))], alone=True)
    if media == BATCH:
        return Sent([plain(one) for one in schemas.decode(CloudEventBatch, body)])
    if MARK in values:
        return Sent([_of_headers(pairs, body)], alone=True)
    return Sent([bytes(one) for one in schemas.decode(schemas.EventsRequest, body).events])


def plain(event: msgspec.Raw) -> bytes:
    """A structured event in our own form; as it came where it is in that form already.

    An attribute that is null is one that is not there, `data_base64` is data, identifiers may be a
    text. What is none of that stays as it is: the contract says what is wrong with it.
    """
    try:
        fields = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return bytes(event)
    kept = {name: value for name, value in fields.items() if bytes(value) != b"null"}
    if "data_base64" in kept:
        kept["data"] = _of_base64(kept.pop("data_base64"))
    if "identifiers" in kept:
        kept["identifiers"] = _unpacked(kept["identifiers"])
    return bytes(event) if kept == fields else msgspec.json.encode(kept)


def _of_headers(headers: Headers, body: bytes) -> bytes:
    """An event of binary mode as a document."""
    fields: dict[str, msgspec.Raw] = {}
    for name, value in headers:
        if not name.startswith(PREFIX):
            continue
        attribute = name.removeprefix(PREFIX).decode("latin-1")
        if attribute in fields:
            raise BadInput("A ce- header is given twice.", rule="cloudevents-header")
        fields[attribute] = _packed(_text(value))
    if "dataversion" in fields:
        fields["dataversion"] = _unpacked(fields["dataversion"])
    if "identifiers" in fields:
        fields["identifiers"] = _unpacked(fields["identifiers"])
    fields.pop("data", None)
    if body.strip():
        fields["data"] = schemas.decode(msgspec.Raw, body)
    return msgspec.json.encode(fields)


def _text(value: bytes) -> str:
    """An attribute's text from its header: quotes are taken off, percent signs are decoded."""
    text = value.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise BadInput(
            "A ce- header is not percent-encoded UTF-8.", rule="cloudevents-header"
        ) from None


def _packed(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _unpacked(value: msgspec.Raw) -> msgspec.Raw:
    """What a JSON text holds as JSON; the value itself where it holds none."""
    try:
        text = msgspec.json.decode(value, type=str)
        return msgspec.Raw(_packed(msgspec.json.decode(text)))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def _of_base64(value: msgspec.Raw) -> msgspec.Raw:
    """The JSON that is told in base 64; the text itself, which is no data, where none is."""
    try:
        data = a2b_base64(msgspec.json.decode(value, type=str), strict_mode=True)
        return _packed(msgspec.json.decode(data))
    except (msgspec.DecodeError, NotBase64, ValueError, RecursionError):
        return value


def _media(value: bytes) -> tuple[str, str]:
    """Media type and charset of a content type, in small letters."""
    media, *rest = value.decode("latin-1").lower().split(";")
    named = dict(part.strip().partition("=")[::2] for part in rest)
    return media.strip(), named.get("charset", "utf-8").strip('" ')
