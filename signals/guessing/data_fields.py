"""Which columns are known when a lead can be scored, and which are left out, each with why."""

from collections.abc import Iterator, Mapping, Sequence

from signals.guessing import column_names as names
from signals.guessing.cells.number_style import number_kind
from signals.guessing.known_exports import Headers, KnownExport
from signals.guessing.leak_evidence import leaks
from signals.guessing.table_guess import ColumnKind, TableGuess
from signals.guessing.values import point_of

MOST_WORDS, SHARE_OF_ROWS = 50, 0.1
"""A text has so many distinct values, or so many for each row, whichever is more; with more it
names the rows, or is prose."""

LONGEST_WORDS = 60
"""Characters of a text, on average, from which on it is prose."""

MOST_OF_STREAM = 30
_ENDED = "this file holds nothing but leads that ended"


def choose_fields(
    guess: TableGuess,
    export: KnownExport | None,
    ends: tuple[Sequence[bool], Sequence[bool]] | None,
) -> None:
    """Settle what becomes of every column that is left.

    `ends` say of each row whether it was won, and whether lost; None where that is not known.
    """
    headers = Headers(guess.sample.names)
    honest = set(headers.all_of(export.honest)) if export else set()
    stated = {headers.own(c): why for c, why in export.left_out.items()} if export else {}
    for name in list(guess.free()):
        why = stated.get(name) or _useless(guess, name)
        if why:
            guess.left_out[name] = why
    if guess.only_ends:
        guess.late.update(dict.fromkeys(guess.free(), _ENDED))
    _find_late(guess, export, ends, honest)
    for name in list(guess.free()):
        kind = _kind(guess, name)
        if isinstance(kind, str):
            guess.left_out[name] = kind
        elif guess.stream is None or name in honest or len(guess.fields) < MOST_OF_STREAM:
            guess.fields[name] = kind
        else:
            guess.left_out[name] = f"{MOST_OF_STREAM} columns of events are enough to begin with"


def _find_late(
    guess: TableGuess,
    export: KnownExport | None,
    ends: tuple[Sequence[bool], Sequence[bool]] | None,
    honest: set[str],
) -> None:
    headers = Headers(guess.sample.names)
    known = {headers.own(c): why for c, why in export.late.items()} if export else {}
    if ends is not None and guess.stream is None:
        cells = {name: guess.cells(name) for name in guess.free()}
        for leak in leaks(cells, *ends):
            guess.late[leak.column] = leak.why
    for name in list(guess.free()):
        why = known.get(name) or ("" if name in honest else _late_by_name(guess, name))
        if why:
            guess.late[name] = why


def _late_by_name(guess: TableGuess, name: str) -> str:
    """By its name; in a table of events, what is written with an event was known then."""
    return "" if guess.stream is not None else names.late_by_name(name)


def _useless(guess: TableGuess, name: str) -> str:
    """Why a column is nothing to learn from, whatever it says; "" where it may be."""
    words, cells = names.words_of(name), guess.distinct(name)
    for pattern, why in _NEVER:
        if pattern.search(words):
            return why
    if not cells:
        return "empty in all rows"
    if guess.layout.kind == "json" and all(cell.startswith("[") for cell in cells):
        return "a list: it has no value of one meaning"
    if len(cells) == 1 and all(guess.cells(name)):
        return "the same in all rows"
    if name in guess.times:
        return "a time of its own: make an event of it, if it is known before the outcome"
    return ""


_NEVER = (
    (names.NAME_PART, "a part of a name"),
    (names.STAFF, "who works the lead: a score should not hang on that"),
    (names.PERSONAL, "personal, and nothing to learn from"),
    (names.PROTECTED, "people must not be scored by it; `fairness` in training.yaml audits by it"),
)


def _kind(guess: TableGuess, name: str) -> ColumnKind | str:
    """How a column is read, or why it is left out."""
    cells = guess.distinct(name)
    filled = sum(bool(cell) for cell in guess.cells(name))
    words = names.words_of(name)
    kind = number_kind(cells, point_of(guess))
    if names.KEY.search(words) and len(cells) > max(MOST_WORDS, SHARE_OF_ROWS * filled):
        return "it names the row, or another record"
    if kind is not None and len(cells) > 2:
        return ColumnKind(kind)
    if len(cells) > max(MOST_WORDS, SHARE_OF_ROWS * filled):
        return f"{len(cells):,} different texts in {filled:,} rows: names, or prose"
    if sum(map(len, cells)) > LONGEST_WORDS * len(cells):
        return "prose"
    return ColumnKind("text")


def ends_of(guess: TableGuess) -> tuple[list[bool], list[bool]] | None:
    """Of each row whether it was won, and whether lost, by the table's own outcome."""
    outcome = guess.outcome
    if outcome is None:
        return None
    cells = guess.cells(outcome.column)
    return [outcome.is_won(c) for c in cells], [outcome.is_lost(c) for c in cells]


def ends_by_key(guess: TableGuess, key: str, won: frozenset[str]) -> tuple[list[bool], list[bool]]:
    """The same by the keys of another table, all of which were won."""
    cells = guess.cells(key)
    return [cell in won for cell in cells], [False] * len(cells)


def overlap(columns: Mapping[str, set[str]], others: Mapping[str, set[str]]) -> Iterator[str]:
    """Columns of one name in two tables, of which some value stands in both."""
    return (name for name in columns if columns[name] & others.get(name, set()))
