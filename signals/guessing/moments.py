"""When a row's events happened: the lead came, it was won, it was lost; or what stands for it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace

from signals.guessing import column_names as names
from signals.guessing.cells.number_style import number_kind
from signals.guessing.cells.time_style import read_times
from signals.guessing.known_exports import Headers, KnownExport
from signals.guessing.questions import Notes, OpenQuestion
from signals.guessing.table_guess import TableGuess, TimeGuess
from signals.guessing.values import point_of
from signals.mapping.spec import TimeSpec

SINCE = datetime(2015, 1, 1, tzinfo=UTC)
"""Where made-up times begin."""

AFTER = "30m"
"""So long after a lead its outcome is put, where no column says when that was."""

LEAST_DAYS, MOST_DAYS = 40, 3_650
"""How long the made-up time of a whole table is to be: longer than any embargo, and past."""

Unit = Literal["minutes", "hours", "days"]
_UNITS: tuple[tuple[Unit, int], ...] = (("minutes", 1_440), ("hours", 24), ("days", 1))


def created_time(
    guess: TableGuess, export: KnownExport | None, notes: Notes, *, needed: bool
) -> None:
    """Settle when a table's leads came; `needed`: where no column says, a time is made up."""
    column, why = _created_column(guess, export, notes)
    if column:
        guess.created = TimeGuess(spec_of(guess, column), why)
    elif needed:
        guess.created = _by_order(guess)


def decided_times(guess: TableGuess, export: KnownExport | None) -> None:
    """Settle when a table's leads were won and lost."""
    outcome = guess.outcome
    if outcome is None or guess.created is None:
        if outcome is not None and not outcome.won and outcome.column in guess.times:
            guess.decided = TimeGuess(spec_of(guess, outcome.column), "the outcome itself")
        return
    if outcome.column in guess.times:
        guess.decided = TimeGuess(spec_of(guess, outcome.column), "the outcome itself")
    else:
        stated = export.won_time if export else ()
        guess.decided = _decided(guess, stated, names.WON_TIME.search, outcome.is_won)
    if outcome.lost:
        stated = export.lost_time if export else ()
        guess.lost = _decided(guess, stated, names.LOST_TIME.search, outcome.is_lost)


def spec_of(guess: TableGuess, column: str) -> TimeSpec:
    """The time of a column by its style."""
    style = guess.times[column].format
    return TimeSpec(column=column, format=None if style == "iso" else style)


def is_local(guess: TableGuess, time: TimeGuess | None) -> bool:
    """Whether a time needs a zone."""
    return bool(time and time.spec.column in guess.times and guess.times[time.spec.column].local)


def _created_column(guess: TableGuess, export: KnownExport | None, notes: Notes) -> tuple[str, str]:
    if notes.answers.created in guess.times:
        return notes.answers.created, "as it was stated"
    if export is not None:
        own = [c for c in Headers(guess.sample.names).all_of(export.created) if c in guess.times]
        if own:
            return own[0], f"{export.title} has it so"
    candidates = [name for name in guess.times if _may_begin(name)]
    by_name = [n for n in candidates if names.CREATED.search(names.words_of(n))]
    if by_name:
        return by_name[0], "by its name"
    plain = [n for n in candidates if names.PLAIN_TIME.search(names.words_of(n))]
    if len(candidates) == 1 or plain:
        return (plain or candidates)[0], "the only time that may say so"
    return _chosen(guess, candidates, notes) if candidates else ("", "")


def _may_begin(name: str) -> bool:
    words = names.words_of(name)
    patterns = (names.EXPECTED, names.UPDATED, names.WON_TIME, names.LOST_TIME, names.CLOSED_TIME)
    birth = names.PERSONAL.search(words)
    if names.CREATED.search(words) and not names.EXPECTED.search(words):
        return True
    if birth or "last" in words.split("_"):
        return False
    return not any(pattern.search(words) for pattern in patterns)


def _chosen(guess: TableGuess, candidates: list[str], notes: Notes) -> tuple[str, str]:
    first = _earliest(guess, candidates)
    question = OpenQuestion(
        "--created",
        "several columns may say when a lead came; which one does?",
        guess.file_name,
        tuple(candidates),
        first,
    )
    return notes.settle("", question), "a guess: it is the earliest of several times"


def _earliest(guess: TableGuess, columns: list[str]) -> str:
    """The column whose time is the first of its row most often."""
    times = [read_times(guess.cells(c), guess.times[c].format) for c in columns]
    wins = dict.fromkeys(columns, 0)
    for row in zip(*times, strict=True):
        known = [(t, c) for t, c in zip(row, columns, strict=True) if t is not None]
        if known:
            wins[min(known)[1]] += 1
    return max(wins, key=lambda column: wins[column])


def _decided(
    guess: TableGuess,
    stated: tuple[str, ...],
    own: Callable[[str], object],
    counts: Callable[[str], bool],
) -> TimeGuess:
    """The time of an end: by its name, that of a close, or that of the last change."""
    ended = [counts(cell) for cell in guess.cells(guess.outcome.column)] if guess.outcome else []
    for column, why in _ends(guess, stated, own):
        cells = guess.cells(column)
        filled = sum(bool(c) for c, end in zip(cells, ended, strict=True) if end)
        if filled * 2 > sum(ended):
            return TimeGuess(spec_of(guess, column), why)
    spec = guess.created.spec if guess.created else TimeSpec(at=SINCE)
    why = "no column says when it was: half an hour after the lead stands for it"
    return TimeGuess(_later(spec), why, made_up=True)


def _ends(
    guess: TableGuess, stated: tuple[str, ...], own: Callable[[str], object]
) -> Iterator[tuple[str, str]]:
    headers = Headers(guess.sample.names)
    yield from ((c, "the export has it so") for c in headers.all_of(stated) if c in guess.times)
    words = {c: names.words_of(c) for c in guess.times}
    created = guess.created.spec.column if guess.created else None
    usable = [c for c in words if c != created and not names.EXPECTED.search(words[c])]
    yield from ((c, "by its name") for c in usable if own(words[c]))
    yield from ((c, "by its name") for c in usable if names.CLOSED_TIME.search(words[c]))
    why = "no column says when it was: the last change is the nearest that is known"
    yield from ((c, why) for c in usable if names.UPDATED.search(words[c]))


def _later(spec: TimeSpec) -> TimeSpec:
    return replace(spec, plus=AFTER)


def _by_order(guess: TableGuess) -> TimeGuess:
    """A number that ascends, or the row's own: order is kept, and lengths of time mean nothing."""
    for name in guess.sample.names:
        spaced = _unit_of_numbers(guess, name)
        if spaced:
            why = f"no column is a time; this number is taken for the order, in {spaced}"
            return TimeGuess(TimeSpec(column=name, since=SINCE, unit=spaced), why, made_up=True)
    unit: Unit = "minutes" if guess.sample.rows / 1_440 >= LEAST_DAYS else "hours"
    why = "no column is a time; the order of the rows is taken for one. Means it nothing? Shuffle"
    return TimeGuess(TimeSpec(row=True, since=SINCE, unit=unit), why, made_up=True)


def _unit_of_numbers(guess: TableGuess, name: str) -> Unit | None:
    """The unit in which a column of numbers, each of one row, spans a time that serves."""
    if not names.KEY.search(names.words_of(name)) or names.OTHER_THING.search(names.words_of(name)):
        return None
    cells = guess.distinct(name)
    if len(cells) < guess.sample.size or number_kind(cells, point_of(guess)) != "integer":
        return None
    try:
        numbers = [int(cell) for cell in cells]
    except ValueError:
        return None
    low, high = min(numbers), max(numbers)
    for unit, per_day in _UNITS:
        if low >= 0 and (high - low) / per_day >= LEAST_DAYS and high / per_day <= MOST_DAYS:
            return unit
    return None
