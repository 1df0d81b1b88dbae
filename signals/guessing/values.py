"""How the cells of a table are read: words that mean missing, times, the decimal sign."""

import re

from signals.guessing.cells.missing_words import missing_among_values, missing_words
from signals.guessing.cells.number_style import decimal_evidence
from signals.guessing.cells.time_style import TimeStyle, time_style
from signals.guessing.column_names import words_of
from signals.guessing.questions import Notes, OpenQuestion
from signals.guessing.table_guess import TableGuess

_NO_DIGITS = re.compile(r"[^\d%]")


def read_values(guess: TableGuess, notes: Notes) -> None:
    """Settle missing words, times and the decimal sign of a table. Raises BadInput."""
    names = guess.sample.names
    guess.missing = missing_words(guess.sample.distinct(name) for name in names)
    for name in names:
        if words := missing_among_values(guess.distinct(name)):
            guess.missing_in[name] = words
        style = time_style(guess.distinct(name), words_of(name))
        if style is not None:
            guess.times[name] = style
    _settle_orders(guess, notes)
    _settle_decimal(guess, notes)


def _settle_orders(guess: TableGuess, notes: Notes) -> None:
    """Whether 03/04 is in March or in April: by the file's other dates, or it is asked."""
    settled = {s.order for s in guess.times.values() if s.order and not s.other}
    for name, style in guess.times.items():
        if style.other:
            order = _order(guess, notes, settled)
            guess.times[name] = _of_order(style, order)


def _order(guess: TableGuess, notes: Notes, settled: set[str]) -> str:
    stated = notes.answers.date_order
    if not stated and len(settled) == 1:
        return next(iter(settled))
    text = "no date says whether its day or its month comes first: none is above 12 alone"
    question = OpenQuestion("--date-order", text, guess.file_name, ("dmy", "mdy"))
    return notes.settle(stated, question)


def _of_order(style: TimeStyle, order: str) -> TimeStyle:
    chosen = style.format if style.order == order else style.other
    return style._replace(format=chosen, other="", order=order)


def _settle_decimal(guess: TableGuess, notes: Notes) -> None:
    columns = [guess.distinct(n) for n in guess.sample.names if n not in guess.times]
    some = [[cell for cell in column if _NO_DIGITS.search(cell)] for column in columns]
    evidence = decimal_evidence(column for column in some if column)
    stated = notes.answers.decimal
    if stated:
        question = OpenQuestion("--decimal", "", guess.file_name, (".", ","))
        guess.decimal = "," if notes.settle(stated, question) == "," else "."
    elif evidence.comma > evidence.point:
        guess.decimal = ","
    elif evidence.point or _by_commas(guess):
        guess.decimal = None if _by_commas(guess) else "."
    elif evidence.either:
        text = "numbers such as 1,234 or 1.234 may be thousands or decimals"
        question = OpenQuestion("--decimal", text, guess.file_name, (".", ","))
        guess.decimal = "," if notes.settle("", question) == "," else "."


def _by_commas(guess: TableGuess) -> bool:
    """Whether commas delimit the file: a point is then the decimal sign without being set."""
    return guess.layout.kind == "text" and guess.layout.file_format.delimiter is None


def point_of(guess: TableGuess) -> str:
    """The decimal sign as the mapping will have it; "" where it is not set."""
    return guess.decimal or ("." if _by_commas(guess) else "")
