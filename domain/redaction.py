"""Texts without what may be an e-mail address or a telephone number."""

import re

_ADDRESS = re.compile(r"(?<!\S)\S*@\S*")  # tried at the beginning of a word alone
_SAFE = re.compile(r"^(Expected |Object missing required field )")
_PLACE = re.compile(r" - at `(\$[\w.\[\]]*)`$")
_NUMBER = re.compile(r"(?<![\w.:-])(?!\d{4}-\d\d-\d\d\b)\+?\(?\d(?:[ ()/.-]{0,2}\d){6,}(?![\w:])")


def redacted(text: str) -> str:
    """A text without what may be an address or a telephone number.

    >>> redacted("no lead jo.doe@example.com, +1 (555) 000-1111, 3 times on port 3000")
    'no lead [address] [number], 3 times on port 3000'
    """
    return _NUMBER.sub("[number]", without_addresses(text))


def without_addresses(text: str) -> str:
    """A text without what may be an e-mail address."""
    return _ADDRESS.sub("[address]", text)


def without_values(message: str) -> str:
    """What a validation error says, but for whatever the caller sent."""
    place = _PLACE.search(message)
    at = f" At {place[1]}." if place else ""
    if _SAFE.match(message):
        return message[: place.start() if place else None].rstrip(".") + "." + at
    if message.startswith("Object contains unknown field"):
        return f"An unknown field is given.{at}"
    return f"A value is not valid.{at}"
