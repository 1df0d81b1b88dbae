"""Words of a file as parts of an event type: lower-case letters, digits and underscores."""

import re
import unicodedata
from collections.abc import Callable

_OTHER = re.compile(r"[^a-z0-9]+")
_PLACE = re.compile(r"\{([^{}]+)\}")


def slug(words: str) -> str:
    """Words as one part of an event type.

    >>> slug("W_Nabellen  offertes ")
    'w_nabellen_offertes'
    >>> slug("Größe (€)")
    'grosse'
    """
    plain = unicodedata.normalize("NFKD", words.casefold()).encode("ascii", "ignore").decode()
    return _OTHER.sub("_", plain).strip("_")


def slug_pattern(pattern: str) -> tuple[tuple[str, ...], Callable[[tuple[str, ...]], str]]:
    """The columns in a pattern's braces, and what puts their values in, each as a slug.

    >>> columns, fill = slug_pattern("crm.{what}_{how}")
    >>> columns, fill(("Call", "Out Bound"))
    (('what', 'how'), 'crm.call_out_bound')
    """
    between = _PLACE.split(pattern)
    fixed, columns = between[::2], tuple(between[1::2])

    def fill(values: tuple[str, ...]) -> str:
        slugs = (*map(slug, values), "")
        return "".join(f + s for f, s in zip(fixed, slugs, strict=True))

    return columns, fill
