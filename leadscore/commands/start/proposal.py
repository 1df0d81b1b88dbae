"""The command init: what an export seems to be, as a mapping and a training configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, put_table
from leadscore.terminal.questions import asking
from signals.guessing.questions import Answers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobs.signals.propose_mapping import FileTrial, Proposal, ShownEvent
    from signals.guessing.table_guess import TableGuess

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="CSV, JSON, Parquet or .xlsx, gzip or not.")
]
Name = Annotated[str, typer.Option(help="Of the mapping; else what the files are called.")]
Encoding = Annotated[str, typer.Option(help="Of text that is not UTF-8, such as cp1252.")]
Sheet = Annotated[str, typer.Option(help="Of a workbook with several.")]
DateOrder = Annotated[
    str, typer.Option(metavar="dmy|mdy", help="Whether 03/04 is in April or in March.")
]
Decimal = Annotated[str, typer.Option(metavar=".|,", help="The decimal sign of 1,234.")]
TimeZone = Annotated[str, typer.Option(help="Of times without an offset: Europe/Rome.")]
Outcome = Annotated[
    str, typer.Option(metavar="COLUMN[=WORD]", help="What tells that a lead was won, and its word.")
]
Key = Annotated[str, typer.Option(metavar="COLUMN", help="The column by which leads are known.")]
Created = Annotated[str, typer.Option(metavar="COLUMN", help="The column of when a lead came.")]
_NAMES = 40
"""Names of columns that are shown."""
_TEXT = 60
"""Characters of an event's data that are shown."""


def init(
    files: Files,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(),
    name: Name = "",
    yes: Annotated[bool, typer.Option("--yes", help="Take guesses; ask nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that are there.")
    ] = False,
    encoding: Encoding = "",
    sheet: Sheet = "",
    date_order: DateOrder = "",
    decimal: Decimal = "",
    time_zone: TimeZone = "",
    outcome: Outcome = "",
    key: Key = "",
    created: Created = "",
    as_json: AsJson = False,
) -> None:
    """Look at exports and write a mapping and a training configuration for them.

    Nothing is ingested. Every guess has a comment; what cannot be known is asked.
    """
    from jobs.signals.propose_mapping import check_free, propose, tried, write

    check_free(out, force=force)
    answers = Answers(
        encoding=encoding,
        sheet=sheet,
        date_order=date_order,
        decimal=decimal,
        time_zone=time_zone,
        outcome=outcome,
        key=key,
        created=created,
    )
    proposal = propose(files, answers, asking(take_guesses=yes), name)
    trials = list(tried(proposal))
    if not as_json:
        put_proposal(proposal, trials)
    mapping, training = write(proposal, out)
    if as_json:
        put_json({"mapping": str(mapping), "training": str(training), "files": trials})
        return
    put(f"\nwrote {mapping} and {training}: read their comments, then")
    put(f"  leadscore ingest {' '.join(map(_shell, files))} --mapping {_shell(str(mapping))}")
    put(f"  leadscore train --config {_shell(str(training))}")


def put_proposal(proposal: "Proposal", trials: "Iterable[FileTrial]") -> None:
    """Show what the files seem to be, their first rows as events, and what becomes of all."""
    from jobs.signals.propose_mapping import shown_events

    for table in proposal.tables:
        _put_table(table)
        shown = shown_events(proposal, table)
        put("\n  its first rows as events (nothing is ingested):")
        put_table(["line", "time", "event", "who", "what is known of it"], map(_event_row, shown))
        put()
    for trial in trials:
        _put_trial(trial)


def _put_table(table: "TableGuess") -> None:
    sample = table.sample
    more = "" if sample.whole else " and more"
    known = f", recognised as {table.export}" if table.export else ""
    put(f"{table.file_name}: {table.layout.kind}, {sample.rows:,} rows{more}{known}")
    keys = ", ".join(f"{kind} {'/'.join(c)}" for kind, c in table.identifiers.items())
    rows = [("leads are known by", keys or "their row's number")]
    if table.created is not None:
        rows.append(("they came", _source(table.created.spec.column, table.created.why)))
    if table.outcome is not None:
        rows.append(("they are won", _source(table.outcome.column, table.outcome.why)))
    if table.time_zone:
        rows.append(("local times are of", _source(table.time_zone, table.zone_why)))
    if table.fields:
        rows.append(("known of them", f"{len(table.fields)} columns"))
    if table.late:
        rows.append(("left out, too late", _names(table.late)))
    if besides := table.left_out | sample.unusable:
        rows.append(("left out besides", _names(besides)))
    for what, text in rows:
        put(f"  {what:<20}{text}")


def _names(columns: "Iterable[str]") -> str:
    """So many names as a terminal shows; the mapping has all of them."""
    names = list(columns)
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _source(column: str | None, why: str) -> str:
    return f"{column}: {why}" if column else why


def _event_row(shown: "ShownEvent") -> list[object]:
    if shown.signal is None:
        return [shown.line, "", "refused", "", shown.rule]
    who = ", ".join(f"{kind} {value}" for kind, value in shown.signal.identifiers.items())
    data = ", ".join(f"{name} {value}" for name, value in shown.signal.data.items())
    time = shown.signal.time.strftime("%Y-%m-%d %H:%M:%SZ")
    return [shown.line, time, shown.signal.type, _short(who), _short(data)]


def _short(text: str) -> str:
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    return clean if len(clean) <= _TEXT else clean[: _TEXT - 1] + "…"


def _put_trial(trial: "FileTrial") -> None:
    events = ", ".join(f"{count:,} {kind}" for kind, count in sorted(trial.events.items()))
    of = "" if trial.whole else " first"
    put(f"{trial.file}: of{of} {trial.rows:,} rows {trial.accepted:,} become events: {events}")
    for rule, count in trial.refused.items():
        rows = "row" if count == 1 else "rows"
        put(f"  {count:,} {rows} would be quarantined: {rule} (docs/mapping.md says what to do)")
    for cells in trial.left_out:
        many = "" if cells.count == 1 else "s"
        put(f"  {cells.count:,} cell{many} of {cells.where} would be left out: {cells.rule}")


def _shell(word: str) -> str:
    import shlex

    return shlex.quote(word)
