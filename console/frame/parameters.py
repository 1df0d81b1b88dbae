"""What a form or an address says, read with limits."""

import math
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from domain.errors import BadInput

MOST_FIELDS = 5_000
MOST_BYTES = 1 << 20
"""Of a form."""
LONGEST = 2_000
"""Characters of a text, unless a view says otherwise."""
LONGEST_REASON = 500


class Parameters:
    """Names with their texts. Every reader raises BadInput, naming the field, never its value."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)
        self._first: Mapping[str, str] = dict(reversed(self.pairs))

    def __contains__(self, name: str) -> bool:
        return name in self._first

    @property
    def names(self) -> list[str]:
        """The names, each once."""
        return list(self._first)

    def all(self, name: str) -> list[str]:
        """All texts of a name, in order."""
        return [value.strip() for key, value in self.pairs if key == name]

    def text(self, name: str, default: str = "", longest: int = LONGEST) -> str:
        """A text without blanks around it."""
        value = self._first.get(name, default).strip()
        if len(value) > longest:
            raise _bad(name, f"has more than {longest:,} characters", "Shorten it.")
        if "\0" in value:
            raise _bad(name, "holds a NUL character", "Take it out.")
        return value

    def optional(self, name: str) -> str | None:
        """A text, None where it is blank or not there."""
        return self.text(name) or None

    def needed(self, name: str) -> str:
        """A text that may not be blank."""
        value = self.text(name)
        if not value:
            raise _bad(name, "is missing", "Fill it in.")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str = "") -> str:
        """One of some words."""
        value = self.text(name) or default
        if value not in choices:
            raise _bad(
                name, "is none of the choices", f"Choose {', '.join(filter(None, choices))}."
            )
        return value

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """A number within bounds, both included."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise _bad(name, "is no number within its bounds", f"Give {low:g} to {high:g}.")
        return value

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) not in ("", "no", "0")


def form_of(body: bytes) -> Parameters:
    """The fields of an urlencoded form. Raises BadInput."""
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except (UnicodeError, ValueError) as bad:
        raise BadInput("the form cannot be read", rule="console-form") from bad
    return Parameters(pairs)


def _bad(name: str, what: str, todo: str) -> BadInput:
    return BadInput(f"`{name}` {what}", rule="console-form", where=name, todo=todo)


def query_of(query: bytes) -> Parameters:
    """What an address says after its question mark. Raises BadInput."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50
        )
    except (UnicodeError, ValueError) as bad:
        raise BadInput("the address cannot be read", rule="console-address") from bad
    return Parameters(pairs)
