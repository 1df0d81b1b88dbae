"""What must fit together in the times of a mapping: a setting that nothing would use is refused."""

from typing import NoReturn

from domain.errors import BadMapping
from signals.mapping.spec import TimeSpec
from signals.mapping.strptime import check_pattern, has_offset
from signals.mapping.timestamps import ABSOLUTE, LOCAL, NAMED, duration, time_zone


def check_time(spec: TimeSpec, zone: str | None) -> None:
    """Raise BadMapping for the first thing that does not fit.

    `zone` is the time's own, the table's or the mapping's, the first that is set.
    """
    if spec.time_zone:
        time_zone(spec.time_zone)
    duration(spec.plus)
    _check_source(spec)
    _check_format(spec)
    _check_zone(spec, zone)


def _check_source(spec: TimeSpec) -> None:
    sources = [x for x in (spec.column, spec.row, spec.at) if x is not None]
    if len(sources) != 1:
        _bad(f"time has {len(sources)} of column, row and at", "time", "Give exactly one of them.")
    if spec.at is not None:
        unused = [k for k in ("format", "since", "unit", "time_zone") if getattr(spec, k)]
        if unused:
            _bad(f"nothing uses {unused[0]} beside at", "time", "Leave it out.")
    if spec.row and spec.since is None:
        _bad("row has no since", "time", "Give since and unit: so much later is each row.")


def _check_format(spec: TimeSpec) -> None:
    if spec.unit is not None and spec.since is None:
        _bad("nothing uses unit without since", "time", "Leave it out, or give since.")
    if spec.since is not None and spec.format is not None:
        _bad("since goes with no format", "time", "Leave the other out.")
    if spec.format is None or spec.format in NAMED:
        return
    if "%" not in spec.format:
        todo = f"Use {', '.join(NAMED)} or a strptime pattern such as %d/%m/%Y %H:%M."
        _bad(f"time format {spec.format!r} is not known", "time", todo)
    check_pattern(spec.format)


def _check_zone(spec: TimeSpec, zone: str | None) -> None:
    pattern = spec.format if spec.format is not None and "%" in spec.format else None
    bare = spec.format in LOCAL or (pattern is not None and not has_offset(pattern))
    if bare and zone is None:
        todo = "Set time_zone, such as time_zone: Europe/London."
        _bad(f"the format {spec.format} gives no offset", "time-zone", todo)
    days = spec.since is not None and spec.unit == "days"
    if days and zone is not None and spec.since is not None and spec.since.utcoffset():
        todo = "Write since with Z: it is then local time, as the days after it are."
        _bad("since has its own offset beside time_zone", "time-zone", todo)
    has_zone = spec.format in ABSOLUTE or (pattern is not None and not bare)
    if spec.time_zone and (has_zone or (spec.since is not None and not days)):
        _bad("nothing uses this time_zone: its times are not local", "time-zone", "Leave it out.")


def _bad(what: str, rule: str, todo: str) -> NoReturn:
    raise BadMapping(what, rule=rule, todo=todo)
