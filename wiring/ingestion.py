"""Files into the signal plane: JSON lines as they are, tables by a mapping."""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from domain.errors import BadInput, Missing
from domain.signals import Counts
from feature_repo.standard import standard_service
from signals.mapping import Mapping, load_mapping
from signals.mapping_plan import Mapped
from signals.quarantine import Rejected
from wiring.settings import Settings
from wiring.signals import SignalPlane, adopt, definition_of, open_signals

BATCH = 5_000
"""Documents of one transaction."""

STDIN = "-"
Told = Callable[[int], None]
T = TypeVar("T")


def ingest_files(
    settings: Settings, files: Iterable[str], mapping: Path | None, told: Told
) -> dict[str, Counts]:
    """Take files in, one after the other; what became of each. `told` hears of every batch.

    A home is founded by its first file: with a mapping's own features, or the standard ones.
    """
    names = list(files)
    for name in names:
        check_file(name, mapping)
    mapped = load_mapping(mapping) if mapping else None
    found_home(settings, mapped)
    plane = open_signals(settings)
    try:
        return {name: _ingest(plane, name, mapped, told) for name in names}
    finally:
        plane.ingest.push()


def found_home(settings: Settings, mapping: Mapping | None) -> None:
    """Make sure that a home has a definition: the mapping's own, or the standard one.

    Raises BadConfiguration where it has another than the mapping's.
    """
    own = mapping.definition() if mapping else None
    if own is not None and mapping is not None:
        adopt(settings, own, mapping.contracts())
    elif not settings.definition_file.is_file():
        adopt(settings, standard_service())
    else:
        definition_of(settings)


def _ingest(plane: SignalPlane, name: str, mapping: Mapping | None, told: Told) -> Counts:
    total, origin = Counts(), Path(name).name if name != STDIN else "standard input"
    if mapping is not None:
        for rows in batches(mapping.documents(Path(name))):
            total += _commit_mapped(plane, rows, origin)
            told(len(rows))
        return total
    with lines_of(name) as lines:
        for batch in batches((n, line) for n, line in enumerate(lines, 1) if line.strip()):
            total += plane.ingest.commit(batch, origin)
            told(len(batch))
    return total


def _commit_mapped(plane: SignalPlane, rows: list[Mapped], origin: str) -> Counts:
    rejected = [
        Rejected(rule=r.rule, detail=r.detail, origin=origin, line=r.line, body=r.document)
        for r in rows
        if r.rule
    ]
    documents = [(r.line, r.document) for r in rows if not r.rule]
    return plane.ingest.commit(documents, origin, rejected)


def check_file(name: str, mapping: Path | None) -> None:
    """Raise Missing or BadInput where a file cannot be taken in."""
    path = Path(name)
    if name == STDIN:
        if mapping:
            raise BadInput("a mapping reads files, not standard input", rule="mapping-needs-file")
        return
    if not path.is_file():
        raise Missing("no such file", rule="file-exists", where=name)
    plain = path.name.removesuffix(".gz")
    if mapping is None and plain.endswith((".csv", ".tsv", ".parquet")):
        raise BadInput(
            "a table says nothing of events",
            rule="table-needs-mapping",
            where=path.name,
            todo="Give --mapping M.yaml; `examples/` has some to begin from.",
        )


@contextmanager
def lines_of(name: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, of a gzip file, or of standard input. Raises BadInput."""
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        with _opened(Path(name)) as stream:
            yield stream
    except (gzip.BadGzipFile, EOFError) as bad:
        raise BadInput(
            f"the gzip file is broken: {bad}",
            rule="file-readable",
            where=Path(name).name,
            todo="What was read before stays; get the whole file and ingest it again.",
        ) from bad
    except OSError as bad:
        raise BadInput(
            f"cannot be read: {bad.strerror}", rule="file-readable", where=Path(name).name
        ) from bad


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        start = stream.read(1024)
    if start[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(path))
    if b"\0" in start:
        raise BadInput(
            "the file is binary, not lines of JSON",
            rule="file-readable",
            where=path.name,
            todo="Tables need --mapping; JSON must be UTF-8, one document a line.",
        )
    return path.open("rb")


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Items in lists of one transaction's size."""
    held = iter(items)
    while batch := list(islice(held, BATCH)):
        yield batch
