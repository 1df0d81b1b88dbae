"""Traces from event logs in CSV, plain or gzip: what was done in each case, by time."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from domain.errors import BadInput
from signals.files.bounded_reading import unpacked
from signals.files.file_kinds import GZIP, HEAD, PARQUET, ZIP, refuse_unread

MOST_EVENTS = 2_000_000
LONGEST_ACTIVITY = 200
_RULE = "workflow-traces"
_MARK = b"\xef\xbb\xbf"
_FORMATS = (
    "Event logs are read as CSV, plain or packed with gzip (.csv.gz): export case, activity and "
    "time as columns. PM4Py writes one of an XES log: "
    "pm4py.convert_to_dataframe(pm4py.read_xes(FILE)).to_csv(OUT)."
)


class TraceColumns(NamedTuple):
    """The columns of an event log: which case, what was done, and when (ISO 8601)."""

    case: str = "case_id"
    activity: str = "activity"
    time: str = "timestamp"


def read_traces(files: Sequence[Path], columns: TraceColumns) -> dict[str, list[str]]:
    """The activities of each case by time, events of one moment in the order of the files.

    Cases come in the order in which they are first named. Raises BadInput, naming file and line,
    for a file that cannot be read, a column that is missing, a value that is empty or no time,
    times of which only some name their zone, and more than MOST_EVENTS events.
    """
    cases: dict[str, list[tuple[datetime, int, str]]] = {}
    zoned: bool | None = None
    number = 0
    for file in files:
        for line, row in _rows(file, columns):
            number += 1
            if number > MOST_EVENTS:
                raise _bad(f"there are more than {MOST_EVENTS:,} events", file, line)
            case, activity, at = _event(row, columns, file, line)
            if zoned is not None and zoned != (at.tzinfo is not None):
                raise _bad("some times name their zone, and others do not", file, line)
            zoned = at.tzinfo is not None
            cases.setdefault(case, []).append((at, number, activity))
    return {case: [activity for *_, activity in sorted(events)] for case, events in cases.items()}


def _rows(file: Path, columns: TraceColumns) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    try:
        with _opened(file) as lines:
            reader = csv.DictReader(lines, strict=True)
            missing = sorted(set(columns) - set(reader.fieldnames or ()))
            if missing:
                raise _bad(f"it has no column {', '.join(missing)}", file, 1)
            for row in reader:
                yield reader.line_num, row
    except OSError:
        raise BadInput("it cannot be read", rule=_RULE, where=str(file)) from None
    except (UnicodeDecodeError, csv.Error):
        raise BadInput("it is no CSV in UTF-8", rule=_RULE, where=str(file)) from None


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    """The text of a file that may be gzip. Raises BadInput for a kind of file that is not read."""
    with file.open("rb") as raw:
        stream = unpacked(raw, str(file)) if raw.peek(HEAD).startswith(GZIP) else raw
        head = stream.peek(HEAD)[:HEAD]
        refuse_unread(head, str(file))
        if (kind := _unread(file, head)) is not None:
            raise BadInput(f"it is {kind}", rule=_RULE, where=str(file), todo=_FORMATS)
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield text


def _unread(file: Path, head: bytes) -> str | None:
    """What else than CSV a file is, by its name and its first bytes; None where nothing says so."""
    endings = {ending.lower() for ending in file.suffixes}
    plain = head.removeprefix(_MARK).lstrip()
    if ".xes" in endings or (plain.startswith(b"<") and b"<log" in head):
        return "an XES log"
    if plain.startswith(b"<"):
        return "XML"
    if plain.startswith((b"{", b"[")):
        return "JSON"
    kinds = {PARQUET: "a Parquet file", ZIP: "a workbook or an archive"}
    return next((kind for magic, kind in kinds.items() if head.startswith(magic)), None)


def _event(
    row: Mapping[str, str | None], columns: TraceColumns, file: Path, line: int
) -> tuple[str, str, datetime]:
    case, activity, time = ((row[name] or "").strip() for name in columns)
    for name, value in zip(columns, (case, activity, time), strict=True):
        if not value:
            raise _bad(f"column {name} is empty", file, line)
    if len(activity) > LONGEST_ACTIVITY:
        raise _bad(f"an activity has more than {LONGEST_ACTIVITY} characters", file, line)
    try:
        return case, activity, datetime.fromisoformat(time)
    except ValueError:
        raise _bad(f"column {columns.time} has no ISO 8601 time", file, line) from None


def _bad(what: str, file: Path, line: int) -> BadInput:
    todo = "An event log is a CSV with case, activity and time in each row; name its columns."
    return BadInput(what, rule=_RULE, where=f"{file}, line {line}", todo=todo)
