"""Traces from event logs in CSV: what was done in each case, in the order of time."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from domain.errors import BadInput

MOST_EVENTS = 2_000_000
LONGEST_ACTIVITY = 200
_RULE = "workflow-traces"


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
        with file.open(newline="", encoding="utf-8-sig") as lines:
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
