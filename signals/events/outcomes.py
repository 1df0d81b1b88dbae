"""The outcomes of leads in the log."""

from sqlalchemy import Engine, func, select

from domain.definition import FeatureDefinition
from domain.signals import decode
from signals.events.feature_matching import outcome_namer
from signals.identity.resolver import home
from signals.store.event_index import last
from signals.store.tables import events, identifiers

LeadOutcomes = dict[str, list[tuple[str, int]]]
"""Per current lead id: (outcome, microseconds when it happened), in the order of the log."""


def read_outcomes(
    engine: Engine, definition: FeatureDefinition, through: int | None = None
) -> LeadOutcomes:
    """Every outcome in the log, by the lead that it belongs to now.

    `through` is the number of the last event that counts, in the order in which they arrived: what
    was known then.
    """
    name_of = outcome_namer(definition)
    types = [t for o in definition.outcomes for t in o.types]
    e = events.c
    query = select(e.type, e.identifier_keys, e.body).where(e.type.in_(types))
    if through is not None:
        query = query.where(e.sequence <= through)
    outcomes: LeadOutcomes = {}
    with engine.connect() as connection:
        rows = connection.execute(select(identifiers)).all()
        leads, alone = {r.key: r.lead_id for r in rows}, {r.key for r in rows if r.rule}
        for row in connection.execute(query.order_by(e.known_us, e.sequence)):
            lead = leads[home(tuple(row.identifier_keys.split(",")), alone)]
            name = name_of(row.type)
            if name is not None:
                outcomes.setdefault(lead, []).append((name, decode(bytes(row.body)).time_us()))
    return outcomes


def newest_event(engine: Engine) -> int:
    """The number of the event that arrived last; 0 in an empty log."""
    with engine.connect() as connection:
        return last(connection)


def arrived_since(
    engine: Engine, definition: FeatureDefinition, outcome: str, sequence: int
) -> int:
    """How many events of an outcome the log took in after that number."""
    types = [t for o in definition.outcomes if o.name == outcome for t in o.types]
    e = events.c
    query = select(func.count()).where(e.type.in_(types), e.sequence > sequence)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())
