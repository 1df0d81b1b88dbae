"""What a table's columns are taken for, each with why: the result of looking at one file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from signals.guessing.cells.time_style import TimeStyle
from signals.guessing.layout.file_layout import FileLayout
from signals.guessing.layout.table_sample import TableSample
from signals.guessing.outcome_guess import OutcomeGuess
from signals.mapping.spec import CellKind, TimeSpec

Why = str


@dataclass(frozen=True)
class ColumnKind:
    """How a column of data is read."""

    kind: CellKind
    why: Why = ""


@dataclass(frozen=True)
class TimeGuess:
    """A time of a mapping and why; `made_up`: it stands in for one that the file has not."""

    spec: TimeSpec
    why: Why
    made_up: bool = False


@dataclass(frozen=True)
class StreamGuess:
    """A table whose rows are events: the column of their names, and the names that are common."""

    column: str
    common: tuple[str, ...]
    others: int
    key: str = ""


@dataclass
class TableGuess:
    """One file, as it seems to be. Columns that nothing is made of stand in `left_out`, with why.

    `identifiers` are columns by kind, `whys` why each kind is read so; no `crm_id`, `user_id` or
    other key means that rows are known by their number. `action` is the column of the id of the
    action of ours that a row answers, "" for none.
    """

    sample: TableSample
    layout: FileLayout
    export: str = ""
    export_name: str = ""
    missing: tuple[str, ...] = ()
    missing_in: dict[str, tuple[str, ...]] = field(default_factory=dict)
    decimal: Literal[".", ","] | None = None
    times: dict[str, TimeStyle] = field(default_factory=dict)
    time_zone: str = ""
    zone_why: Why = ""
    identifiers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    whys: dict[str, Why] = field(default_factory=dict)
    action: str = ""
    created: TimeGuess | None = None
    outcome: OutcomeGuess | None = None
    decided: TimeGuess | None = None
    lost: TimeGuess | None = None
    stream: StreamGuess | None = None
    fields: dict[str, ColumnKind] = field(default_factory=dict)
    left_out: dict[str, Why] = field(default_factory=dict)
    late: dict[str, Why] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The file's name."""
        return self.sample.path.name

    @property
    def only_ends(self) -> bool:
        """Whether it holds the end of leads that another file brings, and nothing before it."""
        return self.created is None and self.outcome is not None

    def cells(self, column: str) -> list[str]:
        """A column's cells; "" for those that mean missing."""
        missing = self._missing(column)
        return ["" if cell in missing else cell for cell in self.sample.columns[column]]

    def distinct(self, column: str) -> list[str]:
        """A column's distinct cells that are not missing, in the order in which they stand."""
        missing = self._missing(column)
        return [cell for cell in self.sample.distinct(column) if cell not in missing]

    def _missing(self, column: str) -> frozenset[str]:
        return frozenset(("", *self.missing, *self.missing_in.get(column, ())))

    def free(self) -> Iterator[str]:
        """Columns that nothing was decided of."""
        used = {c for columns in self.identifiers.values() for c in columns}
        used |= self.fields.keys() | self.left_out.keys() | self.late.keys()
        used |= {g.spec.column or "" for g in (self.created, self.decided, self.lost) if g}
        used.add(self.action)
        if self.outcome is not None:
            used.add(self.outcome.column)
        if self.stream is not None:
            used |= {self.stream.column, self.stream.key}
        return (name for name in self.sample.names if name not in used)
