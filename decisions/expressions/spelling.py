"""Names that were probably meant to be one another."""

import re
from collections.abc import Iterable

_PARTS = re.compile(r"[\W_]+")
SHORTEST = 5
"""Below so many letters, a letter is the difference between words."""


def near(name: str, others: Iterable[str], shortest: int = SHORTEST) -> str | None:
    """The name among others that this one is probably a slip of."""
    others_sorted = (other for other in sorted(others) if other != name)
    return next((other for other in others_sorted if alike(name, other, shortest)), None)


def alike(one: str, other: str, shortest: int = SHORTEST) -> bool:
    """Whether two names differ by a slip: case, spacing, a letter or two, not a word of its own.

    >>> alike("custmer_care", "customer_care"), alike("team_a", "team_b"), alike("tier1", "tier2")
    (True, False, False)
    """
    plain = [_PARTS.sub("", name).casefold() for name in (one, other)]
    if plain[0] == plain[1]:
        return True
    if min(map(len, plain)) < shortest or _by_design(one, other):
        return False
    return distance(*plain) <= (1 if min(map(len, plain)) < 2 * SHORTEST - 2 else 2)


def _by_design(one: str, other: str) -> bool:
    """Whether they differ in numbers, or in short words that stand by themselves."""
    if re.sub(r"\d+", "", one) == re.sub(r"\d+", "", other):
        return True
    a, b = (_PARTS.split(name.casefold()) for name in (one, other))
    if len(a) != len(b):
        return False
    return all(len(x) <= 2 and len(y) <= 2 for x, y in zip(a, b, strict=True) if x != y)


def distance(one: str, other: str) -> int:
    """Letters to change, add, leave out, or swap with the next one (Damerau, Levenshtein)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and (a, one[i - 2]) == (other[j - 2], b):
                least = min(least, earlier[j - 2] + 1)
            row.append(least)
    return row[-1]
