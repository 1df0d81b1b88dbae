"""The lead directory: leads by current or former id, or by identifiers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import json
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import BadInput, BadSignal, Unavailable, UnknownLead
from domain.identifiers import LEAD_PREFIX, AccountId, LeadId, is_identified, is_lead_id
from domain.ports import KnownLeads, LeadRef
from signals.identifiers.normalization import IdentifierReader, account_of
from signals.identity.link_graph import Keys
from signals.store.tables import changes, events, identifiers, leads, links, separations
from storage.driver_connections import DriverConnections
from storage.sql import among

_texts = json.Decoder(list[tuple[float, float, str]])


class KnownIdentifier(NamedTuple):
    """An identifier as its key, the lead that it is of, and why it joins nothing ("" if it may)."""

    key: str
    lead_id: str
    rule: str


class SharedEvent(NamedTuple):
    """Two identifiers' keys that came on one event: the first such event, and its time."""

    key: str
    other: str
    type: str
    known_us: int


class Directory:
    """The lead directory over the database."""

    def __init__(self, engine: Engine, identifiers: IdentifierReader | None = None) -> None:
        self._engine = engine
        self._connections = DriverConnections(engine)
        self._identifiers = identifiers or IdentifierReader()

    def resolve(self, lead_id: str) -> LeadRef:
        """The lead that an id, current or former, stands for. Raises UnknownLead."""
        try:
            with self._engine.connect() as connection:
                return _follow(connection, lead_id)
        except SQLAlchemyError as bad:
            raise _unavailable(bad) from bad

    def known(self, lead_ids: Sequence[str]) -> KnownLeads:
        """The leads of ids, current or former, in one query. Raises Unavailable."""
        starts = [i.removeprefix(LEAD_PREFIX) if is_lead_id(i) else "" for i in lead_ids]
        lead_ids_sorted = sorted({start for start in starts if start})
        parameter = (
            json.encode(lead_ids_sorted).decode()
            if self._engine.dialect.name == "sqlite"
            else lead_ids_sorted
        )
        leads, newest = {}, 0
        for newest, start, lead, account in self._quick(_KNOWN, (parameter,)):  # noqa: B007
            leads[start] = _ref(lead, account or "") if lead else None
        return KnownLeads([leads.get(start) for start in starts], int(newest or 0))

    def outcomes(self, lead_ids: Sequence[str]) -> list[str]:
        """The outcome that closed each lead, "" where there is none. Raises Unavailable.

        A former id has the outcome of its current lead.
        """
        leads_of = [lead and lead.lead_id for lead in self.known(lead_ids).leads]
        query = select(leads.c.lead_id, leads.c.texts)
        try:
            with self._engine.connect() as connection:
                rows = among(connection, query, leads.c.lead_id, {one for one in leads_of if one})
                by_lead = {row.lead_id: _outcome(row.texts) for row in rows}
        except SQLAlchemyError as bad:
            raise _unavailable(bad) from bad
        return [by_lead.get(one, "") if one else "" for one in leads_of]

    def _quick(self, texts: Mapping[str, str], parameters: tuple[object, ...]) -> Sequence[Any]:
        """Rows by the driver's own cursor: each request asks, and the engine costs four times it.

        Raises Unavailable.
        """
        driver: Any = self._engine.dialect.dbapi
        try:
            with self._connections.cursor() as cursor:
                cursor.execute(texts[self._engine.dialect.name], parameters)
                rows: Sequence[Any] = cursor.fetchall()
                return rows
        except (SQLAlchemyError, driver.Error) as bad:
            raise _unavailable(bad) from bad

    def find(self, identifiers: Mapping[str, str]) -> LeadRef:
        """The lead known by all these identifiers. Raises UnknownLead, or BadInput."""
        try:
            known = self._identifiers.read(identifiers)
        except BadSignal as bad:
            raise BadInput(bad.what, rule=bad.rule, where="identifiers") from None
        try:
            with self._engine.connect() as connection:
                return _follow(connection, _owner(connection, known.keys))
        except SQLAlchemyError as bad:
            raise _unavailable(bad) from bad

    def watermark_us(self) -> int:
        """The newest moment that the log knows of; 0 for an empty log."""
        ((newest,),) = self._quick(_NEWEST, ())
        return int(newest or 0)

    def all(self) -> Iterator[LeadRef]:
        """Every current lead that an identifier of a person names, by id.

        Visitors known by a cookie or a device alone are left out: sales cannot reach them.
        """
        c = leads.c
        query = select(c.lead_id, c.account).order_by(c.lead_id)
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                if is_identified(row.lead_id):
                    yield _ref(row.lead_id, row.account)

    def story(self, lead: LeadRef) -> list[dict[str, object]]:
        """The merges and splits that made a lead, oldest first."""
        c = changes.c
        query = select(c.sequence, c.lead_id, c.into_lead, c.known_us, c.reason)
        rows: dict[int, dict[str, object]] = {}
        seen, lead_ids = set(), [str(lead.lead_id)]
        with self._engine.connect() as connection:
            for row in among(connection, query, c.lead_id, lead_ids):
                rows[row.sequence] = row._asdict()
            while lead_ids:
                seen.update(lead_ids)
                for row in list(among(connection, query, c.into_lead, lead_ids)):
                    rows[row.sequence] = row._asdict()
                lead_ids = sorted({str(r["lead_id"]) for r in rows.values()} - seen)
        return [
            {name: value for name, value in rows[at].items() if name != "sequence"}
            for at in sorted(rows)
        ]

    def names(self, lead: LeadRef) -> list[KnownIdentifier]:
        """The identifiers that a lead is known by."""
        i = identifiers.c
        query = select(i["key"], i.lead_id, i.rule).where(i.lead_id == lead.lead_id)
        with self._engine.connect() as connection:
            return sorted(KnownIdentifier(*row) for row in connection.execute(query))

    def together(self, lead: LeadRef) -> list[SharedEvent]:
        """The events that link a lead's identifiers, oldest first."""
        keys = {name.key for name in self.names(lead)}
        e, query = events.c, select(links.c["key"], links.c.other, links.c.event_key)
        with self._engine.connect() as connection:
            rows = among(connection, query, links.c["key"], sorted(keys))
            pairs = [row for row in rows if row[0] < row[1] and row[1] in keys]
            events_told = select(e.event_key, e.type, e.known_us)
            named = sorted({row[2] for row in pairs})
            by = {
                key: (name, us)
                for key, name, us in among(connection, events_told, e.event_key, named)
            }
        shared = [SharedEvent(key, other, *by[event]) for key, other, event in pairs]
        return sorted(shared, key=lambda one: (one.known_us, one))

    def separated(self, lead: LeadRef) -> dict[str, str]:
        """The reasons for which a person separated identifiers from the lead's, by key."""
        s, keys = separations.c, {name.key for name in self.names(lead)}
        query = select(s.separation, s["key"], s.side, s.reason)
        with self._engine.connect() as connection:
            own = {(n, side) for n, _, side, _ in among(connection, query, s["key"], sorted(keys))}
            numbers = sorted({n for n, _ in own})
            rows = list(among(connection, query, s.separation, numbers))
        return {key: reason for n, key, side, reason in rows if (n, 1 - side) in own}

    def kept_apart(self, lead: LeadRef) -> list[KnownIdentifier]:
        """Identifiers that came on one event with the lead's, and belong to another lead."""
        keys = {name.key for name in self.names(lead)}
        i = identifiers.c
        with self._engine.connect() as connection:
            linked = among(connection, select(links.c.other), links.c["key"], sorted(keys))
            near = sorted({other for (other,) in linked} - keys)
            query = select(i["key"], i.lead_id, i.rule)
            return sorted(KnownIdentifier(*row) for row in among(connection, query, i["key"], near))


def _owner(connection: Connection, keys: Keys) -> str:
    """The lead of all these keys; shared identifiers are ignored beside others."""
    i = identifiers.c
    rows = list(among(connection, select(i["key"], i.lead_id, i.rule), i["key"], keys))
    if len(rows) < len(keys):
        raise UnknownLead("no lead is known by these identifiers", rule="unknown-lead")
    leads: set[str] = {lead for _, lead, rule in rows if not rule} or {lead for _, lead, _ in rows}
    if len(leads) > 1:
        raise BadInput(
            f"the identifiers belong to {len(leads)} leads",
            rule="identifiers-agree",
            todo="Ask with one identifier, or with those of one person.",
        )
    return leads.pop()


def _follow(connection: Connection, lead_id: str) -> LeadRef:
    """The lead of the identifier that gave an id its name."""
    i, start = identifiers.c, lead_id.removeprefix(LEAD_PREFIX)
    query = (
        select(i.lead_id, leads.c.account)
        .outerjoin(leads, leads.c.lead_id == i.lead_id)
        .where(i["key"] >= start, i["key"] < start + "g")
        .limit(1)
    )
    row = connection.execute(query).one_or_none() if is_lead_id(lead_id) else None
    if row is None:
        raise UnknownLead("no lead has that id", rule="unknown-lead")
    return _ref(row.lead_id, row.account or "")


_MAX = "SELECT max(known_us) FROM events"
_NEWEST = dict.fromkeys(("sqlite", "postgresql"), _MAX)
_LOOK = f"""SELECT ({_MAX}), s.value, i.lead_id, l.account
FROM (SELECT 1) AS one LEFT JOIN {{starts}} ON true
LEFT JOIN identifiers i ON i.key >= s.value AND i.key < s.value || 'g'
LEFT JOIN leads l ON l.lead_id = i.lead_id"""  # noqa: S608
_KNOWN = {
    "sqlite": _LOOK.format(starts="json_each(?) AS s"),
    "postgresql": _LOOK.format(starts="unnest(CAST(%s AS text[])) AS s(value)"),
}
"""One look for any number of leads; keys are hexadecimal, so all that begin so sort before g."""


def _outcome(texts: bytes) -> str:
    """The last of a lead's stored texts, see `signals.store.feature_states.LeadRow`."""
    values = _texts.decode(texts)
    return values[-1][2] if values else ""


def _ref(lead_id: str, account: str) -> LeadRef:
    return LeadRef(LeadId(lead_id), account_of(account) if account else AccountId(""))


def _unavailable(bad: SQLAlchemyError) -> Unavailable:
    return Unavailable(
        f"the lead directory does not answer: {type(bad).__name__}", rule="directory-available"
    )
