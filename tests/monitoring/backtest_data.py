"""Replayed columns of a simulated world, and its true values."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec

from decisions.backtest.remembered_policy import RememberedPolicy, remembered
from decisions.backtest.replay import Replayer, ReroutedDecision
from decisions.backtest.routed_record import FeaturedRecord
from decisions.backtest.segments import segments_of
from monitoring.backtest.replayed_columns import ReplayedColumns
from monitoring.outcomes import JoinRule, OutcomeTable, join_columns
from simulation.routed_leads import routed_leads
from tests.decisions.conftest import POLICIES
from tests.monitoring.routed_world import HORIZON, RoutedWorld, routed_world

STANDARD = POLICIES / "standard.json"
BY = ("grade", "queue", "region")


@dataclass(frozen=True)
class Replayed:
    """A world, its records replayed under a candidate, and what was joined."""

    world: RoutedWorld
    rows: list[ReroutedDecision]
    columns: ReplayedColumns
    table: OutcomeTable

    @property
    def truth(self) -> tuple[float, float]:
        """Conversions per lead before, and under the candidate."""
        of = self.world.truth
        return of(lambda at: self.rows[at].was), of(lambda at: self.rows[at].now)


def graded(folder: Path, a: float, b: float, c: float, name: str = "candidate") -> Path:
    """The standard policy with other thresholds."""
    document = json.loads(STANDARD.read_text())
    document |= {"name": name, "grades": {"A": a, "B": b, "C": c}}
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return file


def replayed(
    seed: int,
    leads: int,
    candidate: Path,
    *,
    holdout: float = 0.3,
    standard: RememberedPolicy | None = None,
    now: RememberedPolicy | None = None,
) -> Replayed:
    """A world of that seed under the standard policy, replayed under the candidate."""
    standard = standard or remembered(STANDARD)
    world = routed_world(routed_leads(leads, seed), standard, seed, holdout=holdout)
    replayer = Replayer(None, now or remembered(candidate), {standard.label: standard}.get, {})
    columns = ReplayedColumns(BY, segments_of(BY, [candidate], ()))
    encode, decode = msgspec.json.encode, msgspec.json.Decoder(FeaturedRecord).decode
    rows = [replayer.replay(decode(encode(record))) for record in world.records]
    columns.add(rows)
    table = join_columns(
        columns.decisions,
        world.outcomes,
        JoinRule(outcome="won", horizon_days=HORIZON),
        watermark_us=world.watermark_us,
        canonical=list,
    )
    return Replayed(world, rows, columns, table)
