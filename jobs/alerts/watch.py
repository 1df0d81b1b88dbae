"""What a watch is given: the home, the rules, the moment, and what the last look counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec

from config.settings import Settings
from domain.clock import DAY, SystemClock, to_us
from domain.errors import BadInput
from domain.measurement import Interval
from jobs.alerts.rules import AlertRules
from monitoring.alarms.alarm import AlarmLook, Sighting
from monitoring.alarms.catalogue import AlarmName
from monitoring.objectives import Objectives
from registry.ledger_entry import LedgerEntry
from wiring.integrity.agreement import ledger_entries

REPORT = Path("reports") / "report.json"


class JobOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The newest run of one of the operating loop's jobs.

    `failed`: it failed, and no more attempt is due. `late_hours`: for how long it has been due
    and was not begun; 0 where it is not.
    """

    job: str
    failed: bool = False
    late_hours: float = 0.0


class ReportMeta(msgspec.Struct, frozen=True):
    """Of which version a report is, and when it was written, as far as it says so."""

    model: str
    moment: str = msgspec.field(default="", name="made")


class ReportCause(msgspec.Struct, frozen=True):
    """A cause of drift in a report, without its sentence, which may hold values."""

    kind: str
    about: str
    value: float
    usual: float
    action: str


class ReportFigures(msgspec.Struct, frozen=True):
    """The part of a report that alarms look at; `causes` is None in reports that name none."""

    meta: ReportMeta
    measures: dict[str, Interval]
    matured: int = 0
    causes: tuple[ReportCause, ...] | None = None


@dataclass
class Watched:
    """A home at a moment. `before` is what the last look counted, `counted` what this one does.

    `jobs` are the operating loop's newest runs; None where nobody knows them.
    """

    settings: Settings
    rules: AlertRules
    objectives: Objectives
    jobs: Sequence[JobOutcome] | None = None
    before: dict[str, float] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)
    now_us: int = field(default_factory=lambda: to_us(SystemClock().now()))

    @cached_property
    def entries(self) -> list[LedgerEntry]:
        """The ledger. Raises BadInput where it is altered, Unavailable."""
        return ledger_entries(self.settings)

    @cached_property
    def report(self) -> ReportFigures | None:
        """The newest report; None where there is none. Raises BadInput where it is no report."""
        return read_report(self.settings)

    def due(self, name: str, hours: float) -> bool:
        """Whether something that is done every so many hours is to be done now; notes that it is.

        The moment is kept with the figures of this look.
        """
        last = self.before.get(name)
        due = last is None or self.now_us - last >= hours * DAY / 24
        if due:
            self.counted[name] = float(self.now_us)
        return due


def read_report(settings: Settings) -> ReportFigures | None:
    """The newest report of a home; None where there is none. Raises BadInput."""
    try:
        return msgspec.json.decode((settings.home / REPORT).read_bytes(), type=ReportFigures)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as bad:
        raise BadInput("it is no report", rule="report-readable", where=REPORT.name) from bad


def looked(kinds: Iterable[AlarmName], sightings: Iterable[Sighting] = ()) -> AlarmLook:
    """A look for some kinds, and what was seen of them."""
    return AlarmLook(frozenset(kinds), tuple(sightings))


UNKNOWN = AlarmLook()
"""Nothing was looked for: there was nothing to look at."""
