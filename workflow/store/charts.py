"""The versions of a workflow that leads began with, kept whole beside them."""

from functools import partial
from typing import NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from domain.bucketing import Arm, Assignment, bucket
from domain.errors import Missing
from storage.sql import insert_into
from workflow.chart.lead_state import WorkflowLead
from workflow.chart.spec import WorkflowSpec
from workflow.chart.statechart import Statechart
from workflow.chart.step import begin, migrated
from workflow.store.tables import CHARTS

MOST_OPEN = 64
"""So many versions are kept compiled at once."""
_decode = partial(msgspec.json.decode, type=WorkflowSpec)


class ArmPlan(Protocol):
    """What says in which arm of a rollout an account is."""

    def arm_of(self, account: str) -> Arm:
        """The arm of an account, or of a lead that has none."""
        ...

    def assignment(self, arm: Arm) -> Assignment:
        """What is recorded of whoever is in an arm."""
        ...


class ChartTrial(NamedTuple):
    """A version that is rolled out beside the one in force, and the plan by which it is."""

    chart: Statechart
    plan: ArmPlan


class ChartVersions:
    """Which version a lead follows: the one it began with, until another migrates it.

    New leads begin with `current`, those of accounts in the challenger's arm with the trial's.
    """

    def __init__(self, current: Statechart, trial: ChartTrial | None = None) -> None:
        self.current = current
        self.trial = trial
        self._open = {chart.fingerprint: chart for chart in self._in_force()}
        self._former: Statechart | None = None

    def keep(self, connection: sa.Connection, now_us: int) -> None:
        """Keep the versions in force where they are not kept yet, and find the one before."""
        for chart in self._in_force():
            row = {
                "fingerprint": chart.fingerprint,
                "label": chart.label,
                "since_us": now_us,
                "body": msgspec.json.encode(chart.spec),
            }
            insert = insert_into(connection, CHARTS).values(row).on_conflict_do_nothing()
            connection.execute(insert)
        if self.current.spec.rollout.share < 1:
            self._former = self._before(connection)

    def assignment(self, lead: WorkflowLead) -> Assignment | None:
        """Where a lead that begins stands in the rollout; None where none is under way."""
        if self.trial is None:
            return None
        plan = self.trial.plan
        return plan.assignment(plan.arm_of(lead.account_id or lead.lead_id))

    def get(self, connection: sa.Connection, fingerprint: str) -> Statechart:
        """A version by its fingerprint. Raises Missing."""
        if fingerprint not in self._open:
            query = sa.select(CHARTS).where(CHARTS.c.fingerprint == fingerprint)
            row = connection.execute(query).one_or_none()
            if row is None:
                raise Missing(
                    f"version {fingerprint} of the workflow is not kept",
                    rule="workflow-version",
                    todo="Restore the workflow's database from a backup.",
                )
            if len(self._open) >= MOST_OPEN:
                in_force = {chart.fingerprint for chart in self._in_force()}
                del self._open[next(name for name in self._open if name not in in_force)]
            self._open[fingerprint] = Statechart(_decode(row.body), row.label)
        return self._open[fingerprint]

    def begin(self, lead_id: str, account_id: str, now_us: int) -> WorkflowLead:
        """A new lead, in the version that its account is given."""
        chart = self._target(account_id or lead_id) or self._former or self.current
        return begin(chart, lead_id, account_id, now_us)

    def brought(
        self, connection: sa.Connection, lead: WorkflowLead, now_us: int
    ) -> tuple[Statechart, WorkflowLead]:
        """The version that a lead follows now, and the lead as it is there."""
        chart = self.get(connection, lead.chart)
        target = self._target(lead.account_id or lead.lead_id)
        if target is None or chart.fingerprint == target.fingerprint:
            return chart, lead
        lead = migrated(target, chart, lead, now_us)
        return (target if lead.chart == target.fingerprint else chart), lead

    def _target(self, account: str) -> Statechart | None:
        """The version in force for an account; None where that is the one before the current."""
        if self.trial is not None and self.trial.plan.arm_of(account) == "challenger":
            return self.trial.chart
        return self.current if self.given_current(account) else None

    def _in_force(self) -> tuple[Statechart, ...]:
        return (self.current,) if self.trial is None else (self.current, self.trial.chart)

    def given_current(self, account: str) -> bool:
        """Whether an account is among those that the current version is rolled out to."""
        share = self.current.spec.rollout.share
        return share >= 1 or bucket(account, f"workflow:{self.current.label}") < share

    def _before(self, connection: sa.Connection) -> Statechart | None:
        name = self.current.spec.name
        query = (
            sa.select(CHARTS.c.fingerprint)
            .where(CHARTS.c.fingerprint != self.current.fingerprint)
            .where(CHARTS.c.label.startswith(f"{name}-", autoescape=True))
            .order_by(CHARTS.c.since_us.desc(), CHARTS.c.fingerprint)
            .limit(1)
        )
        fingerprint = connection.execute(query).scalar()
        return None if fingerprint is None else self.get(connection, fingerprint)
