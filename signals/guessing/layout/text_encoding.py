"""In which encoding a file's text is written, as far as its bytes tell.

A byte order mark, UTF-8 without an error, and the zeros of UTF-16 settle it. All else is a guess
by what the words would be: words of one script, capital letters where they begin, few letters with
accents in a row. Where two encodings make equally good words of it, it is asked.
"""

import codecs
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from signals.files.file_kinds import marked_encoding

_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859-2", "mac_roman"),
    *("cp850", "koi8-r", "cp932", "euc_jp", "cp949", "gb18030", "big5"),
)
_WIDE = 0.4
"""Share of the even or odd bytes that are zero: of text in UTF-16 far more, of other text none."""

_WORD = re.compile(r"[^\W\d_]+")
_SIGNS = frozenset("€£¥§°«»“”„‘’‚–—…·ºª©®™²³½¼¾×÷±µ¿¡†‡•¨´¸。、「」・ー！？（）：；\u00a0")
_SCRIPTS = frozenset(["LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "HANGUL"])
_EAST = frozenset(["CJK", "HIRAGANA", "KATAKANA"])


class EncodingGuess(NamedTuple):
    """An encoding; `certain` where no other reads the same bytes as well."""

    name: str
    certain: bool
    why: str


def guess_encoding(head: bytes, *, whole: bool) -> EncodingGuess:
    """The encoding of a text that begins so; `whole`: these bytes are all of it."""
    marked, _ = marked_encoding(head)
    if marked:
        return EncodingGuess(marked, certain=True, why="a byte order mark begins the file")
    if wide := _wide(head):
        return EncodingGuess(wide, certain=True, why="every other byte is zero")
    if _is_utf8(head, whole=whole):
        return EncodingGuess("utf-8", certain=True, why="all of it is UTF-8")
    return _by_words(head)


def _wide(head: bytes) -> str:
    even, odd = head[0::2], head[1::2]
    if not head or not odd:
        return ""
    if odd.count(0) / len(odd) > _WIDE:
        return "utf-16-le"
    return "utf-16-be" if even.count(0) / len(even) > _WIDE else ""


def _is_utf8(head: bytes, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _by_words(head: bytes) -> EncodingGuess:
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    other = b"\n".join(lines)[: 1 << 16]
    texts = {}
    for name in _CANDIDATES:
        try:
            texts[name] = codecs.getincrementaldecoder(name)().decode(other)
        except UnicodeDecodeError:
            continue
    scores = {name: _plausible(text) for name, text in texts.items()}
    if not scores:
        return EncodingGuess(
            "latin-1", certain=False, why="no common encoding reads all of its bytes"
        )
    best = max(scores, key=lambda name: scores[name])
    equal = [n for n in scores if scores[n] >= scores[best] and texts[n] != texts[best]]
    return EncodingGuess(best, certain=not equal, why="its words read best so; it is not UTF-8")


def _plausible(text: str) -> float:
    """The share of the letters and signs beyond ASCII that stand where they would in words."""
    good = every = 0.0
    for word in _WORD.findall(text):
        if not word.isascii():
            other = sum(not letter.isascii() for letter in word)
            every += other
            good += other * _is_word(word)
    for place, sign in enumerate(text):
        if not sign.isascii() and not sign.isalpha():
            every += 1
            inside = text[place - 1 : place].isalpha() and text[place + 1 : place + 2].isalpha()
            good += sign in _SIGNS and not (inside and sign not in "’·ー")
    return good / every if every else 0.0


def _is_word(word: str) -> bool:
    scripts = {_script(letter) for letter in word}
    if not scripts <= _SCRIPTS or (len(scripts) > 1 and not scripts <= _EAST):
        return False
    if "LATIN" in scripts:
        other = sum(not letter.isascii() for letter in word)
        if other > max(1, len(word) / 2):
            return False
    tail = word[1:]
    return word.isupper() or tail == tail.lower()


@lru_cache(maxsize=1 << 12)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return "" if name.startswith("HALFWIDTH") else name.split(" ")[0].split("-")[0]
