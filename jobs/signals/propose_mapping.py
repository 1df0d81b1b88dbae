"""A mapping and a training configuration for exports that nobody has described yet.

Nothing is ingested: the files are looked at, the mapping that comes of it is tried on them, and
both files are written where none stand.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.errors import BadInput, BadMapping
from domain.signals import Signal, decode
from jobs.signals.input_files import STDIN, check_file
from signals.guessing.examination import Tables, examine
from signals.guessing.questions import Answers, Ask, Notes
from signals.guessing.table_guess import TableGuess
from signals.guessing.written.mapping_text import EventTypes, mapping_text
from signals.guessing.written.training_text import training_text
from signals.identifiers.left_out import LeftOutCells, listed
from signals.mapping.compiler import MappingCounts
from signals.mapping.mapping import Mapping
from signals.mapping.spec import MappingFile
from storage.files import write_whole
from storage.yaml_files import parse_yaml

MAPPING, TRAINING = "mapping.yaml", "training.yaml"
SHOWN = 10
"""Rows of each file that are shown as events."""

MOST_TRIED = 200_000
"""Rows of a file that the mapping is tried on."""


class ShownEvent(NamedTuple):
    """An event that a row would become; `rule` where the row is refused instead."""

    line: int
    signal: Signal | None
    rule: str = ""


class FileTrial(msgspec.Struct, frozen=True):
    """What a mapping makes of a file's rows: `whole` where all of them were tried.

    `refused` counts rows by rule, `left_out` cells that cannot be read, `events` by type.
    """

    file: str
    rows: int
    accepted: int
    refused: dict[str, int]
    events: dict[str, int]
    left_out: tuple[LeftOutCells, ...]
    whole: bool


@dataclass(frozen=True)
class Proposal:
    """What would be written, the mapping as it would be read, and what the columns seem to be."""

    mapping_text: str
    training_text: str
    mapping: Mapping
    tables: Tables

    def path_of(self, table: TableGuess) -> Path:
        """The file of a table."""
        return table.sample.path


def propose(files: Sequence[str], answers: Answers, ask: Ask, name: str = "") -> Proposal:
    """Look at files and make a proposal.

    Raises Missing, and BadInput where a file cannot be read or a question has no answer.
    """
    for file in files:
        if file == STDIN:
            raise BadInput("standard input cannot be looked at twice", rule="init-file",
                           todo="Give a file.")  # fmt: skip
        check_file(file, Path(MAPPING))
    paths = [Path(file) for file in files]
    if len({path.name for path in paths}) < len(paths):
        raise BadInput("two files have one name", rule="init-file", todo="Rename one of them.")
    tables = examine(paths, Notes(answers, ask))
    types = EventTypes(tables, name)
    mapping = mapping_text(tables, types)
    document = parse_yaml(mapping, MAPPING, BadMapping)
    read = Mapping(msgspec.convert(document, MappingFile), MAPPING)
    return Proposal(mapping, training_text(tables, types), read, tables)


def check_free(folder: Path, *, force: bool) -> None:
    """Raise BadInput where a file would be overwritten."""
    present = [name for name in (MAPPING, TRAINING) if (folder / name).exists()]
    if present and not force:
        raise BadInput(
            f"{' and '.join(present)} would be overwritten",
            rule="init-exists",
            where=str(folder),
            todo="Give --out DIR, or --force to write over it.",
        )


def write(proposal: Proposal, folder: Path) -> tuple[Path, Path]:
    """Write both files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping, training = folder / MAPPING, folder / TRAINING
    write_whole(training, proposal.training_text.encode())
    write_whole(mapping, proposal.mapping_text.encode())
    return mapping, training


def shown_events(proposal: Proposal, table: TableGuess) -> list[ShownEvent]:
    """What the first rows of a file would become."""
    shown: list[ShownEvent] = []
    lines: set[int] = set()
    for row in proposal.mapping.documents(table.sample.path):
        lines.add(row.line)
        if len(lines) > SHOWN:
            break
        signal = None if row.rule else decode(row.document)
        shown.append(ShownEvent(row.line, signal, row.rule))
    return shown


def tried(proposal: Proposal) -> Iterator[FileTrial]:
    """What becomes of each file's rows, by the mapping itself."""
    for table in proposal.tables:
        yield try_mapping(proposal.mapping, table.sample.path)


def try_mapping(mapping: Mapping, path: Path, most: int = MOST_TRIED) -> FileTrial:
    """What a mapping makes of a file; nothing is kept. Raises BadInput."""
    tally, refused, whole = MappingCounts(), Counter[str](), True
    for row in mapping.documents(path, tally):
        if row.rule:
            refused[row.rule] += 1
        if tally.rows >= most:
            whole = False
            break
    return FileTrial(
        path.name,
        tally.rows,
        tally.rows - tally.rejected - tally.ignored,
        dict(refused.most_common()),
        dict(tally.event_counts),
        listed(tally.left_out),
        whole,
    )
