"""The online store's double: both ports over dictionaries."""

from collections.abc import Sequence

import numpy as np

from domain.definition import FeatureDefinition
from domain.ports import LeadRef, LeadStates
from domain.state import Vector, layout_of
from tests.doubles import MemoryWriter


class MemoryStore(MemoryWriter):
    """A `StateWriter` that is a `StateReader` as well."""

    def __init__(self, definition: FeatureDefinition) -> None:
        super().__init__()
        self._layout = layout_of(definition)
        self._no_texts = ("",) * (len(definition.texts) + 1)

    def read(self, leads: Sequence[LeadRef]) -> LeadStates:
        """The states of leads; zeros for who is not known."""
        states, accounts = (np.zeros((len(leads), w)) for w in self._widths)
        texts, known = [], []
        for i, lead in enumerate(leads):
            state, text, us = self.leads.get(lead.lead_id, (b"", self._no_texts, 0))
            account, _ = self.accounts.get(lead.account_id, (b"", 0))
            _fill(states[i], state)
            _fill(accounts[i], account)
            texts.append(text)
            known.append(us)
        return LeadStates(leads=states, accounts=accounts, texts=texts, known_us=known)

    @property
    def _widths(self) -> tuple[int, int]:
        return self._layout.width, self._layout.account_width


def _fill(row: Vector, held: bytes) -> None:
    if len(held) == row.nbytes:
        row[:] = np.frombuffer(held)
