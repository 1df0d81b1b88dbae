"""Tables whose rows are events: the column of their names, the names that are common."""

from collections import Counter

from signals.guessing import column_names as names
from signals.guessing.known_exports import Headers, KnownExport
from signals.guessing.outcome_guess import OutcomeGuess
from signals.guessing.questions import Notes, OpenQuestion
from signals.guessing.table_guess import StreamGuess, TableGuess
from signals.identifiers.invented_values import squeezed
from signals.mapping.slug import slug

MOST_TYPES = 60
"""Event types that features are made of; the others are kept in the log."""

MOST_NAMES = 2_000
"""Distinct values of a column that names events; more than these are texts."""

EACH = 1.5
"""Rows for each lead, on average, from which on a table of times is one of events."""

WON = frozenset(
    [
        "purchase", "purchased", "ordercompleted", "orderpaid", "orderplaced", "won", "dealwon",
        "converted", "conversion", "subscriptionstarted", "subscriptioncreated", "subscribed",
        "upgraded", "paid", "paymentsucceeded", "checkoutcompleted", "transaction",
        "contractsigned", "becamecustomer", "invoicepaid",
    ]
)  # fmt: skip
"""Names of events that say that somebody bought, squeezed."""

_KEYS = ("event_id", "message_id", "messageId", "uuid", "id")


def stream_of(guess: TableGuess, export: KnownExport | None) -> StreamGuess | None:
    """The events of a table whose rows are events; None for one whose rows are leads."""
    column = _column(guess, export)
    if not column:
        return None
    counts = Counter(cell for cell in guess.cells(column) if cell)
    if not counts or len(counts) > MOST_NAMES:
        return None
    common = [name for name, _ in counts.most_common(MOST_TYPES) if slug(name)]
    others = sum(counts.values()) - sum(counts[name] for name in common)
    return StreamGuess(column, tuple(common), others, _key(guess, export))


def stream_outcome(stream: StreamGuess, notes: Notes) -> OutcomeGuess | None:
    """The events by which somebody is won; None where another file is to tell.

    A stated `--outcome` of another column says so.
    """
    name, _, word = notes.answers.outcome.partition("=")
    if name:
        fits = name == stream.column and word
        return OutcomeGuess(name, (word,), (), "as it was stated") if fits else None
    won = tuple(event for event in stream.common if squeezed(event) in WON)
    if won:
        return OutcomeGuess(stream.column, won, (), "by the event's name")
    return None


def asked_stream_outcome(
    guess: TableGuess, stream: StreamGuess, notes: Notes
) -> OutcomeGuess | None:
    """The events by which somebody is won, as the user answers."""
    question = OpenQuestion(
        f"--outcome '{stream.column}=EVENT'",
        "no event looks as if it told that somebody was won: which one does?",
        guess.file_name,
    )
    column, _, word = notes.settle("", question).partition("=")
    chosen = word or column
    if column not in (stream.column, chosen):
        return None
    return OutcomeGuess(stream.column, (chosen,), (), "as it was stated")


def _column(guess: TableGuess, export: KnownExport | None) -> str:
    if guess.created is None or guess.created.made_up:
        return ""
    if export is not None:
        return Headers(guess.sample.names).own(export.event) if export.event else ""
    leads = {column for kind in ("crm_id", "user_id", "cookie", "email")
             for column in guess.identifiers.get(kind, ())}  # fmt: skip
    each = [guess.sample.size / max(len(guess.distinct(column)), 1) for column in leads]
    if not each or max(each) < EACH:
        return ""
    events = [n for n in guess.sample.names if names.EVENT.search(names.words_of(n))]
    return events[0] if events else ""


def _key(guess: TableGuess, export: KnownExport | None) -> str:
    headers = Headers(guess.sample.names)
    stated = headers.own(export.key) if export and export.key else headers.first_of(_KEYS)
    used = {column for columns in guess.identifiers.values() for column in columns}
    if not stated or stated in used:
        return ""
    cells = [cell for cell in guess.cells(stated) if cell]
    return stated if len(cells) == guess.sample.size == len(set(cells)) else ""
