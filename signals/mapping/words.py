"""Words of a mapping against cells: a number is compared as a number, a text as text."""

from collections.abc import Container, Iterable
from decimal import Decimal

from signals.mapping.numerals import Unread, exact, numeral

Word = str | int | float | bool
"""A word of a mapping, as YAML reads it: `1` is a number, `"1"` a text, `yes` is true."""

_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "t"), True),
    **dict.fromkeys(("false", "no", "n", "f"), False),
}


class Words:
    """The texts that words of a mapping stand for, asked by `in`; they carry no blanks around.

    The number 1 is what 1, 1.0, 01 and 1,00 say; true is what true, yes, y, t, 1 and 1.0 say in
    any case, false likewise. The text "1" is that text alone. `point` is the decimal sign.
    """

    def __init__(self, words: Iterable[Word], point: str) -> None:
        words = tuple(words)
        self._point = point
        self._texts = frozenset(w for w in words if isinstance(w, str))
        self._truths = frozenset(w for w in words if isinstance(w, bool))
        self._numbers = frozenset(
            Decimal(repr(w)) for w in words if isinstance(w, int | float) and w not in self._truths
        )

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        if value in self._texts:
            return True
        if self._numbers and (found := _number(value, self._point)) is not None:
            return found in self._numbers
        return bool(self._truths) and truth(value, self._point) in self._truths


def words(held: Iterable[Word], point: str) -> Container[str]:
    """The texts that words stand for: `Words`, or a plain set where texts alone are among them."""
    held = tuple(held)
    texts = frozenset(word for word in held if isinstance(word, str))
    return texts if len(texts) == len(set(map(repr, held))) else Words(held, point)


def truth(value: str, point: str) -> bool | None:
    """What a text says of yes and no; None where it says neither."""
    found = _TRUTH.get(value.lower())
    if found is None and (number := _number(value, point)) in (0, 1):
        return number == 1
    return found


def _number(value: str, point: str) -> Decimal | None:
    try:
        found = numeral(value, point)
        return None if found.percent else exact(found.plain)
    except Unread:
        return None
