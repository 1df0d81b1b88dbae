"""Lead profiles as the signal plane stores them: attributes of the lead, without behaviour."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from domain.definition import FeatureDefinition
from domain.errors import Unavailable
from domain.ports import LeadRef, LeadStates
from signals.store.feature_states import LeadRow, StateStore


class Profiles:
    """Reads profiles from the state's own database: by primary key, no history, no account.

    The database holds whole states too. They are not read here: an account's is made of all its
    people, and a store that is away must not become a database that is away.
    """

    def __init__(self, engine: Engine, definition: FeatureDefinition) -> None:
        self._engine = engine
        self._store = StateStore(definition)

    def profiles(self, leads: Sequence[LeadRef]) -> LeadStates:
        """As `domain.ports.ProfileReader` says; a lead that has no row has an empty profile."""
        try:
            with self._engine.connect() as connection:
                rows = self._store.load(connection, [lead.lead_id for lead in leads])
        except SQLAlchemyError as bad:
            raise Unavailable(
                f"profiles cannot be read: {type(bad).__name__}", rule="profiles-available"
            ) from bad
        return self._states(leads, {row.lead_id: row for row in rows})

    def _states(self, leads: Sequence[LeadRef], rows: dict[str, LeadRow]) -> LeadStates:
        layout = self._store.layout
        states = np.zeros((len(leads), layout.width))
        profile = slice(layout.numbers_at, layout.sets_at)
        ordered = [rows.get(lead.lead_id) for lead in leads]
        for state, row in zip(states, ordered, strict=True):
            if row is not None:
                state[profile] = row.state[profile]
        none = [""] * self._store.texts
        return LeadStates(
            leads=states,
            accounts=np.zeros((len(leads), layout.account_width)),
            texts=[none if r is None else [value for _, _, value in r.texts] for r in ordered],
            known_us=[0 if row is None else row.known_us for row in ordered],
        )
