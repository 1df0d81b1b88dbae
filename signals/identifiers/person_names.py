"""People's names as evidence: whether two may be one person's, from digests alone.

A name comes to tokens: lower case, without accents, titles and order. Of each token stand two
digits each of digests of its initial, of its letters in any order, and of what follows the initial.
Two tokens fit where one of these is the same: a slip of the hand or an initial alone tells nobody
apart. Two names are two people's where each has a token that fits none of the other's.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations
from unicodedata import normalize

from signals.identifiers.invented_values import stands_for_nothing

_MOST, _WIDTH = 4, 6
_WORD = re.compile(r"[^\W\d_]+")
_TITLES = frozenset(
    [
        "avv", "dipl", "doctor", "dott", "dr", "frau", "herr", "ii", "iii", "jr", "madam", "madame",
        "mba", "miss", "mlle", "mme", "monsieur", "mr", "mrs", "ms", "mx", "phd", "prof",
        "professor", "senor", "senora", "signor", "signora", "sir", "sr", "sra", "srta",
    ]
)  # fmt: skip
_SPELT = (("ae", "a"), ("oe", "o"), ("ue", "u"))
"""Two ways to write an umlaut."""


def name_tokens(parts: Iterable[str]) -> tuple[str, str]:
    """A name's words in order, and their tokens, 24 hex digits; both "" where there is no name.

    >>> name_tokens(["Müller, Dr. Ann"]) == name_tokens(["ann", "MUELLER"])
    True
    """
    text = " ".join(part for part in parts if not stands_for_nothing(part))
    plain = "".join(filter(_kept, normalize("NFKD", text).casefold()))
    words = [word for word in _WORD.findall(plain) if word not in _TITLES]
    for two, one in _SPELT:
        words = [word.replace(two, one) for word in words]
    if len(words) > _MOST:
        words = [*words[: _MOST - 1], words[-1]]
    chosen = sorted(set(words))
    return " ".join(chosen), "".join(map(_token, chosen)).ljust(
        _WIDTH * _MOST, "0"
    ) if chosen else ""


def _kept(sign: str) -> bool:
    return sign.isalpha() or sign.isspace() or sign in "-,."


def _token(word: str) -> str:
    return "".join(map(_short, (word[0], "".join(sorted(word)), word[1:])))


def _short(text: str) -> str:
    return blake2b(text.encode(), digest_size=1).hexdigest()


def several_people(names: Iterable[str]) -> bool:
    """Whether some two of these names, as tokens, are two people's.

    >>> ann, bob, a = (name_tokens([n])[1] for n in ("Ann Lee", "Bob Lee", "A. Lee"))
    >>> several_people([ann, bob]), several_people([ann, a])
    (True, False)
    """
    distinct = sorted({name for name in names if name})
    return any(_differ(one, other) for one, other in combinations(distinct, 2))


@lru_cache(maxsize=1 << 12)
def _differ(one: str, other: str) -> bool:
    """Whether each of two names has a word that fits none of the other's."""
    mine, theirs = _split(one), _split(other)
    for fit in (str.__eq__, _fits):
        for token in list(mine):
            same = next((t for t in theirs if fit(token, t)), None)
            if same is not None:
                mine.remove(token)
                theirs.remove(same)
    return bool(mine and theirs)


def _fits(one: str, other: str) -> bool:
    return any(one[at : at + 2] == other[at : at + 2] for at in range(0, _WIDTH, 2))


def _split(tokens: str) -> list[str]:
    cut = [tokens[i : i + _WIDTH] for i in range(0, len(tokens), _WIDTH)]
    return [token for token in cut if token != "0" * _WIDTH]
