"""Files into the signal plane: JSON lines as they are, tables by a mapping."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import msgspec

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import BadInput, Refused
from domain.findings import QualityFindings
from domain.signals import Counts
from jobs.interrupts import hold_interrupts
from jobs.signals.input_files import (
    PIECE,
    PIECE_BYTES,
    STDIN,
    batches,
    check_file,
    documents_of,
    origin_of,
)
from signals.events.preparation import PreparedDocuments, size_of
from signals.identifiers.left_out import LeftOutCells, listed
from signals.mapping.compiler import MappedRow, MappingCounts
from signals.mapping.mapping import Mapping, load_mapping
from signals.store.quarantine import Rejected
from telemetry.gc_tuning import tune_gc
from wiring.beginning_service import beginning_service
from wiring.read_ahead import prepared_ahead, reading_process
from wiring.signals import SignalPlane, adopt, open_signals

TRANSACTION = 75_000
"""Documents of one transaction. The more, the more rarely is one lead loaded and saved."""

TRANSACTION_BYTES = 64_000_000
"""Fewer, where they are long: so many bytes are committed at a time."""

WORTH_A_PROCESS = 16_000_000
"""Bytes from which on another process reads: it takes a second to start."""

OTHER_RULES = "made-by-other-rules"
"""Found where identities of a home were made by other rules or lists than those in force."""

RowCallback = Callable[[int], None]


class FileCounts(Counts):
    """What became of a file, what was left out of its rows, which outcomes none of them became."""

    left_out: tuple[LeftOutCells, ...] = ()
    unmet: tuple[str, ...] = ()


def ingest_files(
    settings: Settings,
    files: Iterable[str],
    mapping: Path | None,
    on_rows: RowCallback,
    *,
    let_through: bool = False,
    done: dict[str, FileCounts] | None = None,
    findings: QualityFindings | None = None,
) -> dict[str, FileCounts]:
    """Take files in, one after the other; what became of each. `on_rows` hears of every batch.

    `done` is filled in with each file that is finished, also where a later one fails, and
    `findings` with what was found wanting in accepted events.

    A home is founded by its first file: with a mapping's own features, or the standard ones.
    `let_through`: no quality gate stops a batch. Raises Refused where not one document of any file
    could be accepted.
    """
    names = list(files)
    for name in names:
        check_file(name, mapping)
    mapped = load_mapping(mapping) if mapping else None
    found_home(settings, mapped)
    tune_gc()
    plane = open_signals(settings, let_through=let_through)
    try:
        with _reader(names) as pool:
            if pool is not None:
                Thread(target=_get_ready, daemon=True).start()
            counts = {} if done is None else done
            refused = 0
            for name in names:
                counts[name], bad = _ingest(settings, plane, name, mapped, (pool, on_rows))
                refused += bad
            hold_interrupts()  # all is committed: what is left makes it known
            _refuse_nothing(counts, refused)
            return counts
    finally:
        if findings is not None:
            findings.merge(plane.ingest.findings.counts())
            if plane.writer.has_other_rules():
                findings.add("identity", OTHER_RULES)
        plane.ingest.push()


def _reader(names: Iterable[str]) -> AbstractContextManager[ProcessPoolExecutor | None]:
    """A process that reads, where there is enough to read for it to pay."""
    size = sum(
        Path(n).stat().st_size * (8 if n.endswith(".gz") else 1) for n in names if n != STDIN
    )
    return reading_process() if size >= WORTH_A_PROCESS else nullcontext()


def _get_ready() -> None:
    """Import what the end needs, which takes seconds, while the first documents are read."""
    import wiring.features  # noqa: F401


def found_home(settings: Settings, mapping: Mapping | None) -> None:
    """Make sure that a home has a definition: the mapping's own, or the standard one.

    Raises BadConfiguration where it has another than the mapping's.
    """
    own = mapping.definition() if mapping else None
    if own is not None and mapping is not None:
        adopt(settings, own, mapping.contracts())
    elif not settings.definition_file.is_file():
        adopt(settings, beginning_service(settings))
    else:
        definition_of(settings)


class _Delivery(NamedTuple):
    """Documents read at a time, and rows that no document could be made of."""

    documents: list[tuple[int, bytes]]
    rejected: list[Rejected]


def _ingest(
    settings: Settings,
    plane: SignalPlane,
    name: str,
    mapping: Mapping | None,
    helped: tuple[ProcessPoolExecutor | None, RowCallback],
) -> tuple[FileCounts, int]:
    """What became of a file's documents, and how many of them were refused, now or before."""
    total, origin, tally = Counts(), origin_of(name), MappingCounts()
    refused = 0
    pool, on_rows = helped
    with _deliveries(name, origin, mapping, tally) as deliveries:
        earlier: deque[_Delivery] = deque()
        documents = _noted(deliveries, earlier)
        prepare = plane.ingest.preparer.prepare
        prepared = (
            prepared_ahead(pool, settings, origin, documents)
            if pool
            else (prepare(some, origin) for some in documents)
        )
        read = (_with_rejected(ready, earlier.popleft()) for ready in prepared)
        for parts in _transactions(read):
            size = sum(map(size_of, parts))
            whole = total.received == 0 and size < PIECE and _bytes(parts) < PIECE_BYTES
            total = sum(plane.ingest.commit_parts(parts, whole=whole), total)
            refused += sum(len(part.refused) for part in parts)
            on_rows(size)
    unmet = mapping.unmet(Path(name), tally) if mapping else ()
    left_out = listed(tally.left_out)
    counts = FileCounts(**msgspec.structs.asdict(total), left_out=left_out, unmet=unmet)
    return counts, refused


def _refuse_nothing(counts: dict[str, FileCounts], refused: int) -> None:
    """Raise Refused where there were documents, and not one of them could be accepted."""
    if refused and refused == sum(one.received for one in counts.values()):
        raise Refused(
            f"none of {refused:,} documents was accepted: all are in quarantine",
            rule="nothing-accepted",
            todo="`leadscore quarantine list` shows why.",
        )


def _noted(
    deliveries: Iterable[_Delivery], earlier: deque[_Delivery]
) -> Iterator[list[tuple[int, bytes]]]:
    """The deliveries' documents; the deliveries themselves are kept at hand."""
    for delivery in deliveries:
        earlier.append(delivery)
        yield delivery.documents


def _with_rejected(prepared: PreparedDocuments, delivery: _Delivery) -> PreparedDocuments:
    return prepared._replace(refused=[*prepared.refused, *delivery.rejected])


def _transactions(parts: Iterable[PreparedDocuments]) -> Iterator[list[PreparedDocuments]]:
    """Parts in lists of one transaction's size; where the file breaks off, those before first.

    The first lists are shorter: there is work to do while the rest is read.
    """
    pending: list[PreparedDocuments] = []
    enough, size, length = PIECE, 0, 0
    try:
        for part in parts:
            pending.append(part)
            size, length = size + size_of(part), length + _bytes([part])
            if size >= enough or length >= TRANSACTION_BYTES:
                yield pending
                pending, size, length = [], 0, 0
                enough = min(2 * enough, TRANSACTION)
    except BadInput:
        if pending:
            yield pending
        raise
    if pending:
        yield pending


def _bytes(parts: Iterable[PreparedDocuments]) -> int:
    bodies = (body for part in parts for body in part.arrivals.bodies)
    refused = (one.body for part in parts for one in part.refused)
    return sum(map(len, chain(bodies, refused)))


@contextmanager
def _deliveries(
    name: str, origin: str, mapping: Mapping | None, tally: MappingCounts
) -> Iterator[Iterator[_Delivery]]:
    if mapping is not None:
        rows = batches(mapping.documents(Path(name), tally), lambda row: len(row.document))
        source = mapping.file.source
        yield (_mapped(some, origin, source) for some in rows)
        return
    with documents_of(name) as numbered:
        yield (_Delivery(batch, []) for batch in batches(numbered, lambda one: len(one[1])))


def _mapped(rows: list[MappedRow], origin: str, source: str) -> _Delivery:
    rejected = [
        Rejected(
            rule=r.rule,
            detail=r.detail,
            origin=origin,
            line=r.line,
            body=r.document,
            keys=r.keys,
            row_keys=r.row_keys,
            source=source,
        )
        for r in rows
        if r.rule
    ]
    return _Delivery([(r.line, r.document) for r in rows if not r.rule], rejected)
