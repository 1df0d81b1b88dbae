"""Leads with the chances of their routing: what value and uplift are measured on."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decisions.backtest.propensities import PolicyByLabel, chances
from decisions.backtest.routed_record import RoutedRecord, routing_of
from monitoring.decision_columns import DecisionColumns, Floats
from monitoring.outcomes import OutcomeTable

_COLUMNS = ("known", "routed", "open", "is_own", "uniform", "worked", "worked_chance")


@dataclass(slots=True)
class DrawnLeads:
    """Decisions as columns [n], added in the order of the trail.

    `worked`: actions that count as being worked. Per decision: whether its chances are known, the
    chance of the routing that came about, whether every possible routing had one, whether it is the
    policy's own, and the chance that a draw among all possible routings had of giving it; whether
    it was worked, and the chance of that. `grades` and `rules` are those of the policy's own
    decision.
    """

    worked: frozenset[str]
    policies: PolicyByLabel
    decisions: DecisionColumns = field(default_factory=DecisionColumns)
    grades: list[str] = field(default_factory=list)
    rules: list[tuple[str, ...]] = field(default_factory=list)
    _rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, records: Iterable[RoutedRecord]) -> None:
        """Take in the next decisions."""
        batch = list(records)
        self.decisions.extend(batch)
        for record in batch:
            self.grades.append(record.answer.grade)
            self.rules.append(record.own.rules)
            self._rows.append(self._row(record))

    def _row(self, record: RoutedRecord) -> tuple[float, ...]:
        odds = chances(record, self.policies)
        routed, own = routing_of(record.answer.decision), routing_of(record.kept(record.own))
        if odds is None or odds.get(routed, 0.0) <= 0:
            return (0.0,) * len(_COLUMNS)
        policy = self.policies(record.answer.versions.policy)
        drawable = policy is not None and record.override is None
        possible = policy.routings(record.facts) if policy and drawable else (own,)
        return (
            1.0,
            odds[routed],
            float(all(odds.get(one, 0.0) > 0 for one in (own, *possible))),
            float(routed == own),
            float(routed in possible) / len(possible),
            float(routed[1] in self.worked),
            sum(chance for routing, chance in odds.items() if routing[1] in self.worked),
        )

    def columns(self) -> dict[str, Floats]:
        """The figures by name [n]."""
        table = np.array(self._rows, dtype=np.float64).reshape(-1, len(_COLUMNS))
        return dict(zip(_COLUMNS, table.T, strict=True))


@dataclass(frozen=True, slots=True)
class MaturedLeads:
    """Of each lead the first decision whose outcome is known and whose chances are [n].

    `place` is that of the decision; `figures` are `DrawnLeads.columns` of these.
    """

    place: NDArray[np.int64]
    lead: NDArray[np.int64]
    account: NDArray[np.int64]
    converted: Floats
    score: Floats
    figures: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.place)

    def where(self, rows: NDArray[np.bool_]) -> "MaturedLeads":
        """Those of these rows."""
        return MaturedLeads(
            place=self.place[rows],
            lead=self.lead[rows],
            account=self.account[rows],
            converted=self.converted[rows],
            score=self.score[rows],
            figures={name: column[rows] for name, column in self.figures.items()},
        )


def matured_leads(drawn: DrawnLeads, table: OutcomeTable) -> MaturedLeads:
    """The leads that count, oldest first."""
    columns = drawn.columns()
    counted = np.flatnonzero(table.matured & (columns["known"][table.place] > 0))
    rows = counted[np.sort(np.unique(table.lead[counted], return_index=True)[1])]
    place = table.place[rows]
    return MaturedLeads(
        place=place,
        lead=table.lead[rows],
        account=table.account[rows],
        converted=table.y[rows].astype(np.float64),
        score=table.score[rows],
        figures={name: column[place] for name, column in columns.items()},
    )
