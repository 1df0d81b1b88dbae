"""A run that scores every lead, in parts: what was done stays done when it is killed.

A part is a chunk of leads, written whole. Beside the parts stands what the run goes by; a later
run goes on with them only where it would go by the same. The ids of a part's decisions follow from
the run and the part's number, so that a part which was recorded but not written, because the run
was killed in between, is not recorded twice.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import shake_256
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from domain.clock import DAY, FixedClock, from_us, iso, to_us
from domain.decisions import DecisionRecord
from domain.errors import Refused, UnknownLead
from domain.ports import DecisionLog, KnownLeads, LeadDirectory, LeadRef
from domain.scores import ScoreAnswer
from jobs.decisions.score_files import write_tables
from registry.rollout_state import Rollout
from scoring.answer import ScoringService
from scoring.live_models import PinnedVersions
from storage.files import write_whole
from wiring.scoring import Scoring

RUN_FILE = "run.json"
GOES_STALE_US = DAY
"""How long after its moment a run may be gone on with."""


class BatchRun(msgspec.Struct, frozen=True, kw_only=True):
    """What all parts of a run go by: moment, watermark, versions; leads in a part."""

    run_id: str
    as_of_us: int
    watermark_us: int
    model: str
    challenger: str
    rollout: Rollout | None
    policy: str
    policy_challenger: str
    policy_rollout: Rollout | None
    holdout: Rollout | None
    feature_service: str
    leads_in_part: int

    def differences(self, now: "BatchRun") -> list[str]:
        """Why parts of this run cannot stand beside parts made now, a few words each."""
        differing = [
            f"{name.replace('_us', '').replace('_', ' ')} was {_shown(name, was)}, "
            f"is {_shown(name, getattr(now, name))}"
            for name, was in msgspec.structs.asdict(self).items()
            if name not in ("run_id", "as_of_us") and was != getattr(now, name)
        ]
        if not 0 <= now.as_of_us - self.as_of_us <= GOES_STALE_US:
            differing.append(f"as of was {iso(self.as_of_us)}, is {iso(now.as_of_us)}")
        return differing


def _shown(name: str, value: object) -> str:
    if name == "watermark_us" and isinstance(value, int):
        return iso(value)
    return value.id + f" at {value.weight:g}" if isinstance(value, Rollout) else f"{value}"


class BatchParts:
    """The finished parts of a run, in a folder beside the file that they become."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.folder = out.with_name(out.name + ".parts")

    def begin(self, now: BatchRun) -> tuple[BatchRun, list[str]]:
        """The run to go on with, and why an earlier one is not gone on with, where there is one.

        What an earlier run did is given up where it went by something else.
        """
        try:
            earlier = msgspec.json.decode((self.folder / RUN_FILE).read_bytes(), type=BatchRun)
        except (OSError, msgspec.DecodeError):
            reasons = ["its notes cannot be read"] if self.folder.is_dir() else []
        else:
            if not (reasons := earlier.differences(now)):
                return earlier, []
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        write_whole(self.folder / RUN_FILE, msgspec.json.encode(now))
        return now, reasons

    def _path(self, number: int) -> Path:
        """Where a part is kept."""
        return self.folder / f"{number:06d}.parquet"

    def rows(self, number: int) -> int | None:
        """How many leads a part holds; None where it is not done."""
        path = self._path(number)
        return int(pq.read_metadata(path).num_rows) if path.exists() else None

    def add(self, number: int, table: pa.Table) -> None:
        """Keep a part, whole or not at all."""
        partial = self._path(number).with_suffix(".partial")
        pq.write_table(table, partial)
        partial.replace(self._path(number))

    def join(self, count: int, schema: pa.Schema) -> None:
        """Make the file of the first `count` parts, whole, and let go of them.

        The run's notes go last: a run that is killed in between is gone on with, not begun anew.
        """
        tables = (_widened(pq.read_table(self._path(number)), schema) for number in range(count))
        write_tables(tables, schema, self._out)
        for path in self.folder.iterdir():
            if path.name != RUN_FILE:
                path.unlink()
        shutil.rmtree(self.folder)


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A part with all columns: one of a release before has nothing in those that came later."""
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Satisfies `domain.ports.LeadDirectory` for the leads of a part, at the run's watermark."""

    refs: dict[str, LeadRef]
    whole: LeadDirectory
    at_us: int

    def resolve(self, lead_id: str) -> LeadRef:
        try:
            return self.refs[lead_id]
        except KeyError:
            raise UnknownLead("no lead has that id", rule="unknown-lead") from None

    def known(self, lead_ids: Sequence[str]) -> KnownLeads:
        return KnownLeads([self.refs.get(lead_id) for lead_id in lead_ids], self.at_us)

    def find(self, identifiers: Mapping[str, str]) -> LeadRef:
        return self.whole.find(identifiers)

    def watermark_us(self) -> int:
        return self.at_us


class _Once:
    """A `domain.ports.DecisionLog` that leaves decisions in the trail as they are."""

    def __init__(self, log: DecisionLog) -> None:
        self._log = log
        self.answers: list[ScoreAnswer] = []

    def append(self, records: Sequence[DecisionRecord]) -> None:
        try:
            self._log.append(records)
        except Refused:
            self.answers = [self._log.get(r.answer.decision_id).answer for r in records]

    def get(self, decision_id: str) -> DecisionRecord:
        return self._log.get(decision_id)

    def answered(self, keys: Sequence[str]) -> Mapping[str, DecisionRecord]:
        return self._log.answered(keys)

    def records(self, since_us: int | None = None) -> Iterator[DecisionRecord]:
        yield from self._log.records(since_us)


class _Drawn:
    """Bytes that follow from a run and a part: the same each time."""

    def __init__(self, run_id: str, number: int) -> None:
        self._seed = f"{run_id}/{number}"
        self._drawn = 0

    def __call__(self, count: int) -> bytes:
        self._drawn += 1
        return shake_256(f"{self._seed}/{self._drawn}".encode()).digest(count)


class PartScorer:
    """Scores parts of one run, with the versions that were live when it was opened."""

    def __init__(self, scoring: Scoring, leads_in_part: int) -> None:
        """Raises NoModel where no version is champion."""
        self._scoring = scoring
        self._live = scoring.versions.current()
        self._policies = policies = scoring.policy()
        challenger = self._live.challenger
        self.now = BatchRun(
            run_id=scoring.ports.random_bytes(16).hex(),
            as_of_us=to_us(scoring.clock.now()),
            watermark_us=scoring.plane.directory.watermark_us(),
            model=self._live.champion.scorer.label,
            challenger=challenger.scorer.label if challenger else "",
            rollout=self._live.rollout,
            policy=policies.champion.label,
            policy_challenger=policies.challenger.label if policies.challenger else "",
            policy_rollout=policies.rollout,
            holdout=policies.holdout,
            feature_service=scoring.plane.definition.label,
            leads_in_part=leads_in_part,
        )

    def score(self, run: BatchRun, number: int, refs: Sequence[LeadRef]) -> list[ScoreAnswer]:
        """Answers for the leads of a part, recorded once, however often it is scored."""
        log = _Once(self._scoring.trail)
        directory = self._scoring.plane.directory
        ports = replace(
            self._scoring.ports,
            directory=_Listed({str(r.lead_id): r for r in refs}, directory, run.watermark_us),
            versions=PinnedVersions(self._live),
            policy=lambda: self._policies,
            log=log,
            clock=FixedClock(from_us(run.as_of_us)),
            random_bytes=_Drawn(run.run_id, number),
        )
        answers = ScoringService(self._scoring.plane.definition, ports).score(
            [r.lead_id for r in refs]
        )
        return log.answers or answers
