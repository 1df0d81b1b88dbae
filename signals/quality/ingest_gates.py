"""The gates at the signal plane's door, as ingestion uses them: one call an event, one a batch."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from domain.findings import QualityFindings
from domain.signals import Signal
from signals.quality.batch_gate import BatchGate
from signals.quality.event_gate import EventGate
from signals.quality.statistics import BatchStatistics, Fields, Stats, about, observe
from signals.quality.tables import add_findings
from signals.store.quarantine import Rejected

GATE = "contract"
"""The gate that counts what is quarantined, by the rule of contract or mapping that it broke."""


class IngestGates:
    """Event gate, batch gate, and the counts of this process. Safe to use from many threads.

    A batch counts into a `QualityFindings` of its own, which is kept in its transaction; `findings`
    takes it in once that is done.
    """

    def __init__(self, events: EventGate, batches: BatchGate, fields: Fields) -> None:
        self.findings = QualityFindings()
        self.check = events.check
        self._batches = batches
        self.fields = fields

    def observe(self, signals: Iterable[Signal]) -> Stats:
        """The statistics of accepted events."""
        return observe(signals, (), self.fields)

    def admit(
        self,
        connection: Connection,
        statistics: Stats,
        refused: Sequence[Rejected],
        newest_us: int,
        findings: QualityFindings,
        *,
        whole: bool,
    ) -> None:
        """Judge a batch and keep its findings, inside the transaction that is to commit it.

        `statistics` are of the events that are new to the log (`observe`), `refused` the documents
        that go to quarantine, `newest_us` is the newest moment that they know of (0: none), `whole`
        whether the batch is all of a delivery. Raises Refused where a rule says stop:
        nothing of the batch may be committed then; call `stopped`.
        """
        sources = [(one.source, "") if one.source else whence(one.body) for one in refused]
        for one, (source, type_name) in zip(refused, sources, strict=True):
            if not one.counted:
                findings.add(GATE, one.rule, about(source, type_name))
        stats = observe((), sources, self.fields)
        for name, those in statistics.items():
            stats.setdefault(name, BatchStatistics()).add(those)
        self._batches.admit(connection, stats, newest_us, findings, whole=whole)
        add_findings(connection, findings.counts())

    def stopped(self, connection: Connection, findings: QualityFindings) -> None:
        """Keep what was found in a batch that was refused, in a transaction of its own."""
        add_findings(connection, findings.counts())
        self.committed(findings)

    def committed(self, findings: QualityFindings) -> None:
        """Take a batch's findings into the counts of this process, once they are kept."""
        self.findings.merge(findings.counts())


class _Whence(msgspec.Struct):
    source: str = ""
    type: str = ""


_decoder = msgspec.json.Decoder(_Whence)


def whence(document: bytes) -> tuple[str, str]:
    """Source and type of a document that was refused; "" where they cannot be read."""
    try:
        read = _decoder.decode(document)
    except (ValueError, RecursionError):
        return "", ""
    return read.source, read.type
