"""Scoring many leads: by the same core as the endpoint, a chunk at a time, to a file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa

from domain.clock import iso
from domain.ports import LeadRef
from domain.scores import ScoreAnswer
from jobs.decisions.resumable_batch import BatchParts, PartScorer
from jobs.decisions.score_files import write_tables
from jobs.interrupts import hold_interrupts
from storage.files import exclusive
from telemetry.attributes import tag
from wiring.scoring import Scoring

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


def score_all(
    scoring: Scoring,
    out: Path,
    told: Callable[[int], None],
    said: Callable[[str], None] = lambda _: None,
    chunk: int = CHUNK,
) -> int:
    """Score every lead; the file appears when all are in it. How many.

    A run that was killed is gone on with where it was, if the leads, the versions and the policy
    are still the same; where not, it begins anew, and `said` hears why.
    """
    with exclusive(out.with_name(f".{out.name}.lock")):
        scorer, parts = PartScorer(scoring, chunk), BatchParts(out)
        run, differs = parts.begin(scorer.now)
        if differs:
            said(f"an earlier run is not gone on with: {'; '.join(differs)}")
        elif run != scorer.now:
            said(f"going on with the run as of {iso(run.as_of_us)}")
        done = number = 0
        for number, refs in enumerate(_chunks(scoring.plane.directory.all(), chunk), start=1):
            count = parts.rows(number - 1)
            if count is None:
                with scoring.ports.watch.stage("batch"):
                    answers = scorer.score(run, number - 1, refs)
                    tag({"rows": len(answers)})
                parts.add(number - 1, _table(answers))
                count = len(answers)
            done += count
            told(count)
        hold_interrupts()
        parts.join(number, SCHEMA)
    return done


def write_answers(answers: Sequence[ScoreAnswer], out: Path) -> None:
    """Write answers as what the file's name says, see `batch_files`."""
    write_tables([_table(answers)], SCHEMA, out)


def _table(answers: Sequence[ScoreAnswer]) -> pa.Table:
    return pa.Table.from_pylist([_row(answer) for answer in answers], schema=SCHEMA)


def _row(a: ScoreAnswer) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(a.decision),
        **msgspec.structs.asdict(a.versions),
        **{name: getattr(a, name) for name in SCHEMA.names if hasattr(a, name)},
        "reasons": msgspec.json.encode(a.reasons).decode(),
    }


def _chunks(refs: Iterable[LeadRef], size: int) -> Iterator[list[LeadRef]]:
    held = iter(refs)
    while chunk := list(islice(held, size)):
        yield chunk
