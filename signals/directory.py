"""Who is who, for those who ask: by lead id, current or former, or by identifiers."""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import BadInput, BadSignal, Unavailable, UnknownLead
from domain.identifiers import AccountId, LeadId, is_identified
from domain.ports import LeadRef
from signals import log
from signals.identity import account_of, read_identifiers
from signals.schema import identifiers, leads, merges


class Directory:
    """The lead directory over the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def resolve(self, lead_id: str) -> LeadRef:
        """The lead that an id, current or former, stands for. Raises UnknownLead."""
        try:
            with self._engine.connect() as connection:
                return _follow(connection, lead_id)
        except SQLAlchemyError as bad:
            raise _unavailable(bad) from bad

    def find(self, given: Mapping[str, str]) -> LeadRef:
        """The lead known by all these identifiers. Raises UnknownLead, or BadInput."""
        try:
            known = read_identifiers(dict(given))
        except BadSignal as bad:
            raise BadInput(bad.what, rule=bad.rule, where="identifiers") from None
        try:
            with self._engine.connect() as connection:
                query = select(identifiers.c.lead_id).where(identifiers.c.key.in_(known.keys))
                rows = connection.execute(query).scalars().all()
                if len(set(rows)) > 1:
                    raise BadInput(
                        f"the identifiers belong to {len(set(rows))} leads",
                        rule="identifiers-agree",
                        todo="Ask with one identifier, or with those of one person.",
                    )
                if len(rows) < len(known.keys):
                    raise UnknownLead("no lead is known by these identifiers", rule="unknown-lead")
                return _follow(connection, rows[0])
        except SQLAlchemyError as bad:
            raise _unavailable(bad) from bad

    def watermark_us(self) -> int:
        """The newest moment that the log knows of; 0 for an empty log."""
        try:
            return log.watermark_us(self._engine)
        except SQLAlchemyError as bad:
            raise _unavailable(bad) from bad

    def all(self) -> Iterator[LeadRef]:
        """Every current lead that an identifier of a person names, by id.

        Visitors known by a cookie or a device alone are nobody whom sales could reach.
        """
        c = leads.c
        query = select(c.lead_id, c.account).where(c.merged_into == "").order_by(c.lead_id)
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                if is_identified(row.lead_id):
                    yield _ref(row.lead_id, row.account)

    def story(self, lead: LeadRef) -> list[dict[str, object]]:
        """The merges that made a lead, oldest first."""
        m = merges.c
        query = select(m.lead_id, m.into_lead, m.known_us, m.reason).order_by(m.sequence)
        with self._engine.connect() as connection:
            rows = [r._asdict() for r in connection.execute(query)]
        parts = {str(lead.lead_id)}
        for row in reversed(rows):
            if row["into_lead"] in parts:
                parts.add(str(row["lead_id"]))
        return [row for row in rows if row["into_lead"] in parts]

    def kinds(self, lead: LeadRef) -> list[str]:
        """The keys that a lead is known by."""
        query = select(identifiers.c.key).where(identifiers.c.lead_id == lead.lead_id)
        with self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())


def _follow(connection: Connection, lead_id: str) -> LeadRef:
    c = leads.c
    while True:
        query = select(c.merged_into, c.account).where(c.lead_id == lead_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise UnknownLead("no lead has that id", rule="unknown-lead")
        if not row.merged_into:
            return _ref(lead_id, row.account)
        lead_id = row.merged_into


def _ref(lead_id: str, account: str) -> LeadRef:
    return LeadRef(LeadId(lead_id), account_of(account) if account else AccountId(""))


def _unavailable(bad: SQLAlchemyError) -> Unavailable:
    return Unavailable(
        f"the lead directory does not answer: {type(bad).__name__}", rule="directory-available"
    )
