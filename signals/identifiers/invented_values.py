"""Values that were made up to fill a field, told by rule."""

import re
from functools import cache
from unicodedata import normalize

from signals.identifiers.name_lists import listed

DIGITS = "0123456789"
_ROWS = ("qwertzuiop", "qwertyuiop", "azertyuiop", "asdfghjkl", "qsdfghjklm", "yxcvbnm", "zxcvbnm")
_ROW_STARTS = sorted({row[:n] for row in _ROWS for n in range(3, 11)}, key=len, reverse=True)
_KEYS_IN_A_ROW = re.compile(f"(?:{'|'.join(_ROW_STARTS)})+")
_RISING, _FALLING = 2 * DIGITS, 2 * DIGITS[::-1]
_COUNTS = re.compile("[1-9]")
"""No word that stands for nothing has a digit, but for zeros."""
_NO_SIGNS = {code: None for code in range(128) if not chr(code).isalnum()}
_FIRST_KEYS = frozenset(row[0] for row in _ROWS)
_SHEET_ERRORS = frozenset(
    ["#div/0!", "#error!", "#field!", "#getting_data", "#n/a", "#name?", "#null!", "#num!", "#ref!",
     "#value!"]
)  # fmt: skip
_ALSO = frozenset(["n/v", "k.a.", "n.v.t."])
"""As they stand: without punctuation they would be values that somebody has."""
_REAL = frozenset(["aol", "aaa", "bbb", "ccc", "ddd", "iii", "jjj", "kkk", "mmm", "sss", "www"])
"""Letters in a row that companies and services are called by."""


def squeezed(text: str) -> str:
    """Letters and digits alone, without accents and case.

    >>> squeezed("(Not Provided)"), squeezed("n/a"), squeezed("Não tem")
    ('notprovided', 'na', 'naotem')
    """
    if text.isascii():
        low = text.lower()
        return low if low.isalnum() else low.translate(_NO_SIGNS)
    return "".join(filter(str.isalnum, normalize("NFKD", text).casefold()))


@cache
def _words() -> frozenset[str]:
    """Words of the major languages that stand for no value, squeezed."""
    return frozenset(map(squeezed, listed("no_value.txt")))


@cache
def _addressees() -> frozenset[str]:
    """Local parts of addresses that nobody has, squeezed."""
    return frozenset(map(squeezed, listed("made_up_addresses.txt")))


def stands_for_nothing(value: str) -> bool:
    """Whether a text only fills its field: null, zeros, a word such as none, in brackets or not.

    >>> [stands_for_nothing(v) for v in ("undefined", "00000000-0000", "(blank)", "--", "42")]
    [True, True, True, True, False]
    """
    if _COUNTS.search(value):
        return value.strip() == "-1"
    plain = value.strip().casefold()
    if plain in _ALSO or plain in _SHEET_ERRORS:
        return True
    bare = squeezed(plain)
    return not bare.strip("0") or bare in _words()


def typed_blindly(text: str) -> bool:
    """Whether this is what hands type that want to be done: asdf, qwertz, 12345, xxx.

    >>> [typed_blindly(v) for v in ("asdfasdf", "qwertz", "12345", "xxx", "bob", "anna", "aaa")]
    [True, True, True, True, False, False, True]
    """
    if len(text) < 3:
        return False
    if text[0] in _FIRST_KEYS and _KEYS_IN_A_ROW.fullmatch(text):
        return True
    return text == text[0] * len(text) or (text.isdigit() and in_sequence(text))


def in_sequence(digits: str) -> bool:
    """Whether digits rise or fall one by one.

    >>> in_sequence("12345"), in_sequence("98765"), in_sequence("13579")
    (True, True, False)
    """
    return digits in _RISING or digits in _FALLING


def is_invented_local(local: str) -> bool:
    """Whether nobody has an address with this local part: noemail, asdf, test1, no-reply.

    >>> [is_invented_local(v) for v in ("noemail", "test.user", "no-reply", "x", "jo", "testa")]
    [True, True, True, True, False, False]
    """
    bare = squeezed(local)
    known = _addressees()
    if not bare or bare in known or typed_blindly(bare):
        return True
    return bare[-1].isdigit() and len(word := bare.rstrip(DIGITS)) > 3 and word in known


def is_invented_name(label: str) -> bool:
    """Whether a domain is called like something made up: noemail.com, asdf.de.

    >>> is_invented_name("noemail"), is_invented_name("acme"), is_invented_name("bbb")
    (True, False, False)
    """
    bare = squeezed(label)
    return bare in listed("made_up_domains.txt") or (bare not in _REAL and typed_blindly(bare))
