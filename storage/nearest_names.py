"""What to do about a name that refers to nothing: the nearest names that exist."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_LISTED = 12


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names as a sentence, or all of them where none is near.

    >>> nearest("aurok", ["auroc", "brier"])
    'Did you mean auroc?'
    >>> nearest("xyz", ["auroc", "brier"])
    'It must be one of auroc, brier.'
    >>> nearest("xyz", [])
    'There is none.'
    """
    names = sorted(known)
    if close := get_close_matches(name, names, n=3, cutoff=0.6):
        return f"Did you mean {' or '.join(close)}?"
    if not names:
        return "There is none."
    more = ", …" if len(names) > MOST_LISTED else ""
    return f"It must be one of {', '.join(names[:MOST_LISTED])}{more}."
