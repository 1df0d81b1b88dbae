"""Numbers as people and programs write them: grouped thousands, currencies, signs, powers of ten.

A text is brought to plain form (`-1234.56`, perhaps with an exponent) where only one number can be
meant, and refused under a named rule where another one could.
"""

import math
import re
from decimal import Decimal
from typing import NamedTuple

from signals.mapping.currencies import CURRENCY

LONGEST = 64
"""Characters of a number that is not plain: bounds the work on what is none."""

EXACT = 1 << 53
"""From here on a float no longer holds every whole number."""

_WIDE = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
_ASCII = "".join(chr(code) for code in range(0x21, 0x7F))
_BLANKS = "\u00a0\u202f\u2009\u2007\u2002\u3000"
_ALIKE = str.maketrans(f"{_WIDE}−–﹣’‘ʼ´`{_BLANKS}", f"{_ASCII}---{5 * chr(39)}{6 * ' '}")
"""Full-width forms, minus signs, apostrophes and blanks by what they stand for."""

_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
_PLAIN = {
    point: re.compile(rf"[+-]?(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+){_EXPONENT}")
    for point, mark in ((".", r"\."), (",", ","))
}
_GROUPED = {
    ".": re.compile(
        r"[1-9][0-9]{0,2}([,' ])[0-9]{3}(?:\1[0-9]{3})*(?:\.[0-9]*)?"
        r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]*)?"
    ),
    ",": re.compile(r"[1-9][0-9]{0,2}([.' ])[0-9]{3}(?:\1[0-9]{3})*(?:,[0-9]*)?"),
}
_EITHER = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_DRESSED = re.compile(
    rf"(?P<s1>[+-])? ?(?P<c1>{CURRENCY})? ?(?P<s2>[+-])? ?(?P<open>\()? ?(?P<c2>{CURRENCY})? ?"
    rf"(?P<digits>[0-9.,' ]*[0-9][.,]?{_EXPONENT})"
    rf" ?(?P<percent>%)? ?(?P<c3>{CURRENCY})? ?(?P<close>\))? ?(?P<c4>{CURRENCY})?(?P<s3>-)?"
)
_WHOLE = re.compile(r"([+-]?[0-9]+)(\.0*)?")


class Unread(ValueError):
    """A text that cannot be read as one number: the rule, and a detail without the text."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


class Numeral(NamedTuple):
    """A number in plain form, and what stood beside it: a currency's mark, a per cent sign."""

    plain: str
    currency: str = ""
    percent: bool = False


def numeral(value: str, point: str) -> Numeral:
    """The number that a text without blanks around it means. Raises Unread.

    `point` is the decimal sign, "." or ","; "" where nobody said it: a point then, and one comma
    before three digits is refused, for it may be either.

    >>> numeral("(CHF 1’200.50)", ".")
    Numeral(plain='-1200.50', currency='CHF', percent=False)
    """
    if _PLAIN[point or "."].fullmatch(value):
        return Numeral(value.replace(",", "."))
    match = _DRESSED.fullmatch(value.translate(_ALIKE)) if len(value) <= LONGEST else None
    if match is None:
        raise Unread("number", "not a number")
    signs = [s for s in match.group("s1", "s2", "s3", "open") if s]
    money = [c for c in match.group("c1", "c2", "c3", "c4") if c]
    percent = match["percent"] is not None
    if bool(match["open"]) != bool(match["close"]) or len(signs) > 1 or len(money) + percent > 1:
        raise Unread("number", "not a number")
    minus = "-" if signs and signs[0] in "-(" else ""
    return Numeral(minus + _ungrouped(match["digits"], point), "".join(money), percent)


def _ungrouped(digits: str, point: str) -> str:
    if not point and _EITHER.fullmatch(digits):
        raise Unread("number-ambiguous", "a comma for thousands or decimals; set decimal")
    point = point or "."
    if _PLAIN[point].fullmatch(digits):
        return digits.replace(",", ".")
    if not _GROUPED[point].fullmatch(digits):
        raise Unread("number-grouping", f"no thousands are grouped so where decimal is {point!r}")
    kept = re.sub(f"[^0-9{point}]", "", digits)
    return kept.replace(",", ".")


def is_plain(value: str, point: str) -> bool:
    """Whether a text is a number in plain form, with this decimal sign."""
    return _PLAIN[point or "."].fullmatch(value) is not None


def real(plain: str) -> float:
    """A plain number as a float. Raises Unread where it is beyond all floats."""
    parsed = float(plain)
    if not math.isfinite(parsed):
        raise Unread("number", "not a finite number")
    return parsed


def exact(plain: str) -> Decimal:
    """A plain number with all its digits. Raises Unread where it is beyond all floats."""
    real(plain)
    try:
        return Decimal(plain)
    except ArithmeticError as bad:
        raise Unread("number", "not a finite number") from bad


def complete(plain: str) -> Decimal:
    """A plain number of which every digit down to the ones was written. Raises Unread.

    1.23E+11 lacks nine digits, whatever program wrote it.
    """
    parsed = exact(plain)
    exponent = parsed.as_tuple().exponent
    if not isinstance(exponent, int) or exponent > 0:
        raise Unread(
            "number-inexact",
            "written in powers of ten, its last digits are missing; write them out",
        )
    return parsed


def whole_text(plain: str) -> str:
    """The digits of a whole number, a point with zeros after it taken off. Raises Unread.

    A number with a point went through a float: from 2**53 on its last digits are not certain.
    """
    if "e" in plain or "E" in plain:
        number = complete(plain)
        if number != number.to_integral_value():
            raise Unread("number", "not a whole number")
        plain = f"{number:.0f}."
    match = _WHOLE.fullmatch(plain)
    if match is None:
        raise Unread("number", "not a whole number")
    if match[2] and (len(match[1]) > len(str(EXACT)) + 1 or abs(int(match[1])) >= EXACT):
        raise Unread(
            "number-inexact",
            "written by a float that does not hold all its digits; export it as text",
        )
    return match[1]
