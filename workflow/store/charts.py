"""The versions of a workflow that leads began with, kept whole beside them."""

from functools import partial

import msgspec
import sqlalchemy as sa

from domain.bucketing import bucket
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


class ChartVersions:
    """Which version a lead follows: `current` for new leads, for the others the one they have."""

    def __init__(self, current: Statechart) -> None:
        self.current = current
        self._open: dict[str, Statechart] = {current.fingerprint: current}
        self._former: Statechart | None = None

    def keep(self, connection: sa.Connection, now_us: int) -> None:
        """Keep the current version where it is not kept yet, and find the one before it."""
        row = {
            "fingerprint": self.current.fingerprint,
            "label": self.current.label,
            "since_us": now_us,
            "body": msgspec.json.encode(self.current.spec),
        }
        insert = insert_into(connection, CHARTS).values(row).on_conflict_do_nothing()
        connection.execute(insert)
        if self.current.spec.rollout.share < 1:
            self._former = self._before(connection)

    def get(self, connection: sa.Connection, fingerprint: str) -> Statechart:
        """A version by its fingerprint. Raises Missing."""
        if fingerprint not in self._open:
            query = sa.select(CHARTS.c.body).where(CHARTS.c.fingerprint == fingerprint)
            body = connection.execute(query).scalar()
            if body is None:
                raise Missing(
                    f"version {fingerprint} of the workflow is not kept",
                    rule="workflow-version",
                    todo="Restore the workflow's database from a backup.",
                )
            if len(self._open) >= MOST_OPEN:
                del self._open[
                    next(name for name in self._open if name != self.current.fingerprint)
                ]
            self._open[fingerprint] = Statechart(_decode(body))
        return self._open[fingerprint]

    def begin(self, lead_id: str, account_id: str, now_us: int) -> WorkflowLead:
        """A new lead, in the version that its account is given."""
        chart = self.current
        if self._former is not None and not self.given_current(account_id or lead_id):
            chart = self._former
        return begin(chart, lead_id, account_id, now_us)

    def brought(
        self, connection: sa.Connection, lead: WorkflowLead, now_us: int
    ) -> tuple[Statechart, WorkflowLead]:
        """The version that a lead follows now, and the lead as it is there."""
        chart = self.get(connection, lead.chart)
        if chart is self.current or not self.given_current(lead.account_id or lead.lead_id):
            return chart, lead
        lead = migrated(self.current, chart, lead, now_us)
        return (self.current if lead.chart == self.current.fingerprint else chart), lead

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
