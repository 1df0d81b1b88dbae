"""Scoring many leads: by the same core as the endpoint, a chunk at a time, to Parquet."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from domain.identifiers import LeadId
from domain.scores import ScoreAnswer
from wiring.scoring import Scoring
from wiring.traces import tag

CHUNK = 1_000

SCHEMA = pa.schema(
    [
        ("lead_id", pa.string()),
        ("score", pa.float64()),
        ("percentile", pa.float64()),
        ("grade", pa.string()),
        ("eligible", pa.bool_()),
        ("action", pa.string()),
        ("queue", pa.string()),
        ("priority", pa.int64()),
        ("next_best_action", pa.string()),
        ("rules", pa.list_(pa.string())),
        ("reasons", pa.string()),
        ("model", pa.string()),
        ("feature_service", pa.string()),
        ("policy", pa.string()),
        ("arm", pa.string()),
        ("features_as_of", pa.string()),
        ("decision_id", pa.string()),
    ]
)
"""Columns of a file of answers; `reasons` is JSON."""


def score_all(scoring: Scoring, out: Path, told: Callable[[int], None]) -> int:
    """Score every lead; the file appears when all are in it. How many."""
    scoring.versions.current()  # where there is none, say so before anything is written
    partial = out.with_name(out.name + ".partial")
    done = 0
    with pq.ParquetWriter(partial, SCHEMA) as writer:
        for ids in _chunks(ref.lead_id for ref in scoring.plane.directory.all()):
            with scoring.watch.stage("batch"):
                answers = scoring.answerer.score(ids)
                tag({"rows": len(answers)})
            writer.write_table(_table(answers))
            done += len(answers)
            told(len(answers))
    partial.replace(out)
    return done


def write_answers(answers: Sequence[ScoreAnswer], out: Path) -> None:
    """Write answers as Parquet."""
    pq.write_table(_table(answers), out)


def _table(answers: Sequence[ScoreAnswer]) -> pa.Table:
    return pa.Table.from_pylist([_row(answer) for answer in answers], schema=SCHEMA)


def _row(a: ScoreAnswer) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(a.decision),
        **msgspec.structs.asdict(a.versions),
        **{name: getattr(a, name) for name in SCHEMA.names if hasattr(a, name)},
        "reasons": msgspec.json.encode(a.reasons).decode(),
    }


def _chunks(ids: Iterable[LeadId]) -> Iterator[list[LeadId]]:
    held = iter(ids)
    while chunk := list(islice(held, CHUNK)):
        yield chunk
