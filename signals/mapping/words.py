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
        if self._numbers and (number := _number(value, self._point)) is not None:
            return number in self._numbers
        return bool(self._truths) and truth(value, self._point) in self._truths


def words(listed: Iterable[Word], point: str) -> Container[str]:
    """The texts that words stand for: `Words`, or a plain set where texts alone are among them."""
    listed = tuple(listed)
    texts = frozenset(word for word in listed if isinstance(word, str))
    return texts if len(texts) == len(set(map(repr, listed))) else Words(listed, point)


def truth(value: str, point: str) -> bool | None:
    """The truth value that a text means; None where it means neither."""
    parsed = _TRUTH.get(value.lower())
    if parsed is None and (number := _number(value, point)) in (0, 1):
        return number == 1
    return parsed


def _number(value: str, point: str) -> Decimal | None:
    try:
        parsed = numeral(value, point)
        return None if parsed.percent else exact(parsed.plain)
    except Unread:
        return None
