"""What a person typed may be somebody's address or number: no message says it again."""

from collections.abc import Sequence
from pathlib import Path

from domain.redaction import redacted, without_addresses


def discreet(text: str, typed: Sequence[str]) -> str:
    """A message without addresses, and without those of the typed words that may be personal.

    The name of a file that is there stays: a message must say which file it is about.

    >>> discreet("no stage '+1 555 000 1111'; 1,234,567 rows", ["--stage", "+1 555 000 1111"])
    "no stage '[number]'; 1,234,567 rows"
    """
    for word in typed:
        hidden = redacted(word)
        if hidden != word and not _is_file(word):
            text = text.replace(word, hidden)
    return without_addresses(text)


def _is_file(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False
