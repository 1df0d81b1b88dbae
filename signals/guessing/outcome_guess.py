"""Which column tells that a lead was won or lost, and by which words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.errors import BadInput
from signals.guessing import column_names as names
from signals.guessing.cells.time_style import TimeStyle
from signals.guessing.questions import Notes, OpenQuestion
from signals.identifiers.invented_values import squeezed
from signals.mapping.words import Word, truth

MOST_WORDS = 100
"""Distinct values of a column that may tell the outcome."""

WON = frozenset(
    [
        "won", "closedwon", "dealwon", "converted", "customer", "success", "successful", "sold",
        "sale", "signed", "purchased", "evangelist", "closedconverted", "gewonnen",
        "abgeschlossengewonnen", "ganado", "cerradaganada", "gagne", "gagnee", "ganho",
        "vinto", "vinta",
    ]
)  # fmt: skip
"""Words for a lead that was won, squeezed; `closed - converted` of Salesforce among them."""

LOST = frozenset(
    [
        "lost", "closedlost", "deallost", "disqualified", "unqualified", "rejected", "dead",
        "notinterested", "closednotconverted", "lostlead", "junklead", "junk", "notqualified",
        "closedlosttocompetition", "verloren", "abgeschlossenverloren", "perdido", "perdue",
        "cerradaperdida", "perso", "persa", "canceled", "cancelled",
    ]
)  # fmt: skip


class OutcomeGuess(NamedTuple):
    """The column of the outcome. Without `won` words, whatever is in it means won.

    `lost` are words of a lead that is certainly lost; others may still be open.
    """

    column: str
    won: tuple[Word, ...]
    lost: tuple[Word, ...]
    why: str

    def is_won(self, cell: str) -> bool:
        """Whether a cell, "" for a missing one, says that the lead was won."""
        return bool(cell) and (not self.won or _among(cell, self.won))

    def is_lost(self, cell: str) -> bool:
        """Whether a cell says that the lead was lost."""
        return bool(cell) and _among(cell, self.lost)


def _among(cell: str, words: Sequence[Word]) -> bool:
    for word in words:
        if isinstance(word, str):
            if cell == word:
                return True
        elif truth(cell, ".") == bool(word):
            return True
    return False


def outcome_of(
    columns: Mapping[str, Sequence[str]], times: Mapping[str, TimeStyle], notes: Notes, where: str
) -> OutcomeGuess | None:
    """The outcome of a table; None where none of its columns tells it.

    `columns` are their distinct values, none of them missing. A stated `--outcome` must be
    one of its columns to count. Raises BadInput where the stated column does not say which word
    means won.
    """
    stated = notes.answers.outcome
    if stated:
        return _stated(stated, columns, times, where)
    guesses = sorted(_guesses(columns, times), key=lambda one: one[0])
    return guesses[0][1] if guesses else None


def asked_outcome(
    columns: Mapping[str, Sequence[str]], times: Mapping[str, TimeStyle], notes: Notes, where: str
) -> OutcomeGuess | None:
    """The outcome by what the user answers, where no column looks like one."""
    two = [name for name, values in columns.items() if len(values) == 2][:20]
    hint = f" Columns of two values: {', '.join(two)}." if two else ""
    question = OpenQuestion(
        "--outcome COLUMN or COLUMN=WORD",
        f"no column looks as if it told who was won: which one does?{hint}",
        where,
    )
    return _stated(notes.settle("", question), columns, times, where)


def _stated(
    stated: str, columns: Mapping[str, Sequence[str]], times: Mapping[str, TimeStyle], where: str
) -> OutcomeGuess | None:
    name, _, word = stated.partition("=")
    if name not in columns:
        return None
    values = columns[name]
    if word:
        return OutcomeGuess(name, (word,), (), "as it was stated")
    if name in times:
        return OutcomeGuess(name, (), (), "as it was stated: a lead that has this date is won")
    if guess := _by_words(name, values) or _by_truth(name, values):
        return guess._replace(why="as it was stated")
    raise BadInput(
        f"no word of the column {name!r} is known to mean won",
        rule="init-outcome",
        where=where,
        todo="Give --outcome COLUMN=WORD with the word that means won.",
    )


def _guesses(
    columns: Mapping[str, Sequence[str]], times: Mapping[str, TimeStyle]
) -> Iterator[tuple[int, OutcomeGuess]]:
    """Candidates with their rank, the least first."""
    for name, values in columns.items():
        words = names.words_of(name)
        if names.STAFF.search(words) or names.EXPECTED.search(words):
            continue
        if name in times:
            if names.WON_TIME.search(words) and not names.CREATED.search(words):
                why = "by its name: a lead that has this date is won"
                yield 3, OutcomeGuess(name, (), (), why)
            continue
        if names.OUTCOME.search(words) and (by_truth := _by_truth(name, values)):
            yield 0 if "won" in words or "convert" in words else 1, by_truth
        if (names.STAGE.search(words) or names.OUTCOME.search(words)) and (
            by_words := _by_words(name, values)
        ):
            yield (1 if by_words.lost else 2), by_words


def _by_truth(name: str, values: Sequence[str]) -> OutcomeGuess | None:
    """A column that says yes or no."""
    truths = {truth(value, ".") for value in values}
    if None in truths or True not in truths:
        return None
    numbers = all(value.replace(".", "").isdigit() for value in values)
    won: Word = 1 if numbers else True
    return OutcomeGuess(name, (won,), (), "it says yes or no, and its name says of what")


def _by_words(name: str, values: Sequence[str]) -> OutcomeGuess | None:
    if len(values) > MOST_WORDS:
        return None
    won = tuple(sorted(v for v in values if squeezed(v) in WON))
    lost = tuple(sorted(v for v in values if squeezed(v) in LOST))
    return OutcomeGuess(name, won, lost, "by its name and its words") if won else None
