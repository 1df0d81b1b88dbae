"""Texts without what may be an e-mail address or a telephone number."""

import re

_ADDRESS = re.compile(r"(?<!\S)\S*@\S*")  # tried at the beginning of a word alone
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
