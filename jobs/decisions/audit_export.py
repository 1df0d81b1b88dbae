"""Decisions as people and programs read them: features by name, and files of many decisions."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from config.home_definition import definition_of
from config.settings import Settings
from decisions.audit.search import TrailEntry
from domain.clock import iso
from domain.decisions import DecisionQuery, DecisionRecord
from domain.definition import FeatureDefinition
from domain.errors import BadInput, LeadscoreError
from feature_repo.catalogue import category_names, number_names
from jobs.signals.feature_services import kept_definition
from wiring.decisions import open_trail

SUFFIXES = (".parquet", ".csv", ".jsonl")
ROWS = 5_000
"""Rows of a Parquet file that are written at a time."""
Write = Callable[[TrailEntry], None]


class Namer:
    """Names the features of records, by the feature service that each was made with."""

    def __init__(self, settings: Settings) -> None:
        self._names = cache(lambda label: _names(settings, label))

    def named(self, record: DecisionRecord) -> dict[str, Any]:
        """A record as plain values, its features and texts by name.

        They stay lists where the feature service is no longer kept.
        """
        plain: dict[str, Any] = msgspec.to_builtins(record)
        numbers, texts = self._names(record.answer.versions.feature_service)
        for key, names in (("features", numbers), ("texts", texts)):
            if len(names) == len(plain[key]):
                plain[key] = dict(zip(names, plain[key], strict=True))
        return plain


def export(
    settings: Settings, query: DecisionQuery, out: Path, on_rows: Callable[[int], None]
) -> int:
    """Write all matching decisions to a file, oldest first, whole or not at all; returns how many.

    The suffix gives the form: Parquet, CSV or JSON lines. Raises BadInput for another, and
    Unavailable.
    """
    if out.suffix not in SUFFIXES:
        raise BadInput(
            f"no file of {out.suffix or 'no suffix'} can be written",
            rule="export-format",
            where="--out",
            todo=f"Name it with one of {', '.join(SUFFIXES)}.",
        )
    trail, namer, count = open_trail(settings), Namer(settings), 0
    head = trail.head()
    part = out.with_name(f".{out.name}.part")
    try:
        with _writer(part, out.suffix, namer) as write:
            for entry in trail.stream(query, head.sequence) if head else ():
                write(entry)
                count += 1
                on_rows(1)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return count


def row_of(entry: TrailEntry, namer: Namer) -> dict[str, Any]:
    """One decision as a flat row: features, reasons and rules are JSON."""
    plain, record = namer.named(entry.record), entry.record
    answer, decision = record.answer, record.answer.decision
    return {
        "sequence": entry.sequence,
        "decision_id": answer.decision_id,
        "decided_at": iso(record.decided_us),
        "as_of": iso(record.as_of_us),
        "lead_id": answer.lead_id,
        "account_id": record.account_id,
        "score": answer.score,
        "percentile": answer.percentile,
        "grade": answer.grade,
        "eligible": decision.eligible,
        "action": decision.action,
        "queue": decision.queue,
        "priority": decision.priority,
        "next_best_action": decision.next_best_action,
        "rules": _text(decision.rules),
        "model": answer.versions.model,
        "policy": answer.versions.policy,
        "feature_service": answer.versions.feature_service,
        "arm": answer.arm,
        "degraded_by": answer.degraded_by,
        "staleness_s": answer.staleness_s,
        "margin": record.margin,
        "trace_id": answer.trace_id,
        "reasons": _text(plain["answer"]["reasons"]),
        "features": _text(plain["features"]),
        "texts": _text(plain["texts"]),
        "owner_pool": decision.owner_pool,
        "service_level_h": decision.service_level_h,
        "because": decision.because,
        "override": None if record.override is None else record.override.number,
        "override_reason": None if record.override is None else record.override.reason,
    }


@contextmanager
def _writer(path: Path, suffix: str, namer: Namer) -> Iterator[Write]:
    kinds = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}
    with contextmanager(kinds[suffix])(path, namer) as write:
        yield write


def _json_lines(path: Path, namer: Namer) -> Iterator[Write]:
    with path.open("wb") as file:

        def write(entry: TrailEntry) -> None:
            plain = {"sequence": entry.sequence, **namer.named(entry.record)}
            file.write(msgspec.json.encode(plain) + b"\n")

        yield write


def _csv(path: Path, namer: Namer) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS))
        writer.writeheader()
        yield lambda entry: writer.writerow(row_of(entry, namer))


def _parquet(path: Path, namer: Namer) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    rows: list[dict[str, Any]] = []
    with parquet.ParquetWriter(path, schema) as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(rows, schema))
            rows.clear()

        def write(entry: TrailEntry) -> None:
            rows.append(row_of(entry, namer))
            if len(rows) == ROWS:
                flush()

        yield write
        flush()


_NUMBERS = {"sequence": int, "priority": int, "eligible": bool, "override": int}
_FLOATS = ("score", "percentile", "staleness_s", "margin", "service_level_h")
_NAMES = (
    *("sequence", "decision_id", "decided_at", "as_of", "lead_id", "account_id"),
    *("score", "percentile", "grade", "eligible", "action", "queue", "priority"),
    *("next_best_action", "rules", "model", "policy", "feature_service", "arm"),
    *("degraded_by", "staleness_s", "margin", "trace_id", "reasons", "features", "texts"),
    *("owner_pool", "service_level_h", "because", "override", "override_reason"),
)
COLUMNS: dict[str, type] = {
    name: float if name in _FLOATS else _NUMBERS.get(name, str) for name in _NAMES
}
"""The columns of a flat row, with their kinds; new ones come last."""


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _names(settings: Settings, label: str) -> tuple[list[str], list[str]]:
    """The names of numbers and of texts, none where the service is no longer kept."""
    definition = _definition(settings, label)
    if definition is None:
        return [], []
    return list(number_names(definition)), list(category_names(definition))


def _definition(settings: Settings, label: str) -> FeatureDefinition | None:
    try:
        now = definition_of(settings)
        return now if now.label == label else kept_definition(settings, label)
    except LeadscoreError:
        return None
