"""Scoring many leads: by the same core as the endpoint, a chunk at a time, to a file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa

from domain.clock import iso
from domain.decisions import override_number
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
        ("owner_pool", pa.string()),
        ("service_level_h", pa.float64()),
        ("because", pa.string()),
        ("override", pa.int64()),
    ]
)
"""Columns of a file of answers; `reasons` is JSON, `override` the number of the one that decided.
New columns come last."""


def score_all(
    scoring: Scoring,
    out: Path,
    on_leads: Callable[[int], None],
    note: Callable[[str], None] = lambda _: None,
    chunk: int = CHUNK,
) -> int:
    """Score every lead; the file appears when all are in it. Returns how many.

    A run that was killed is resumed if leads, versions and policy are still the same; otherwise it
    starts over, and `note` is called with the reason.
    """
    with exclusive(out.with_name(f".{out.name}.lock")):
        scorer, parts = PartScorer(scoring, chunk), BatchParts(out)
        run, differs = parts.begin(scorer.now)
        if differs:
            note(f"an earlier run is not gone on with: {'; '.join(differs)}")
        elif run != scorer.now:
            note(f"going on with the run as of {iso(run.as_of_us)}")
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
            on_leads(count)
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
        "override": override_number(a.decision),
    }


def _chunks(refs: Iterable[LeadRef], size: int) -> Iterator[list[LeadRef]]:
    remaining = iter(refs)
    while chunk := list(islice(remaining, size)):
        yield chunk
