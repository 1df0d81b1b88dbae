"""Exports of programs that many use, recognised by their headers.

Each is a file of `exports/`: which headers it has, and what is known of its columns that their
names and values do not tell. Headers are compared without case and doubled blanks.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec

from domain.errors import BadConfiguration
from signals.mapping.words import Word
from storage.yaml_files import parse_yaml, read_text

FOLDER = Path(__file__).parent / "exports"


class ExportOutcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column that tells the outcome, and its words for won and for lost."""

    column: str
    won: tuple[Word, ...] = ()
    lost: tuple[Word, ...] = ()


class KnownExport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of an export. All of `headers` must be there, and lists name the best first.

    `event` is the column that names what happened, of a table whose rows are events; `key` tells
    such events apart. `honest` columns are known when the lead is, whatever their names suggest;
    `late` and `left_out` say why a column is no feature. `time_zone` is that of times without one.
    """

    name: str
    title: str
    headers: tuple[str, ...]
    identifiers: dict[str, tuple[str, ...]] = {}
    created: tuple[str, ...] = ()
    outcomes: tuple[ExportOutcome, ...] = ()
    won_time: tuple[str, ...] = ()
    lost_time: tuple[str, ...] = ()
    event: str = ""
    key: str = ""
    honest: tuple[str, ...] = ()
    late: dict[str, str] = {}
    left_out: dict[str, str] = {}
    time_zone: str = ""
    time_zone_why: str = ""


@cache
def known_exports() -> tuple[KnownExport, ...]:
    """All that are packaged, in alphabetical order."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yaml")))


def recognised(names: Iterable[str]) -> KnownExport | None:
    """The export that has these headers; of several, the one that asks most."""
    present = {folded(name) for name in names}
    fitting = [
        export for export in known_exports() if {folded(h) for h in export.headers} <= present
    ]
    return max(fitting, key=lambda export: len(export.headers), default=None)


def folded(header: str) -> str:
    """A header as it is compared."""
    return " ".join(header.split()).casefold()


class Headers:
    """The file's own spelling of headers."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: Mapping[str, str] = {folded(name): name for name in names}

    def own(self, header: str) -> str:
        """The file's column of that header; "" where it has none."""
        return self._names.get(folded(header), "")

    def all_of(self, headers: Iterable[str]) -> tuple[str, ...]:
        """Those that the file has."""
        return tuple(own for header in headers if (own := self.own(header)))

    def first_of(self, headers: Iterable[str]) -> str:
        """The first that the file has; "" where it has none."""
        return next(iter(self.all_of(headers)), "")


def _read(path: Path) -> KnownExport:
    document = parse_yaml(read_text(path, BadConfiguration), path.name, BadConfiguration)
    return msgspec.convert(document, KnownExport)
