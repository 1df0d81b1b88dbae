"""The seams between rooms: what each asks of another, and nothing of how it is done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.decisions import DecisionRecord, Facts
from domain.identifiers import AccountId, LeadId
from domain.scores import Decision
from domain.signals import Counts
from domain.state import Matrix


@dataclass(frozen=True, slots=True)
class LeadRef:
    """A lead by its canonical id, with its account ("" where none is known)."""

    lead_id: LeadId
    account_id: AccountId


@dataclass(frozen=True, slots=True)
class LeadStates:
    """What the online store holds of some leads, row by row.

    `leads` [n, width], `accounts` [n, account width or 0], `texts` n rows of text attributes in
    the definition's order. A row of a lead that the store does not know is all zeros.
    """

    leads: Matrix
    accounts: Matrix
    texts: Sequence[Sequence[str]]


class LeadDirectory(Protocol):
    """Who is who."""

    def resolve(self, lead_id: str) -> LeadRef:
        """The lead that an id, current or former, stands for. Raises UnknownLead."""
        ...

    def find(self, identifiers: Mapping[str, str]) -> LeadRef:
        """The lead known by all these identifiers. Raises UnknownLead."""
        ...

    def watermark_us(self) -> int:
        """The newest moment that the log knows of."""
        ...


class StateReader(Protocol):
    """Reads feature state online."""

    def read(self, leads: Sequence[LeadRef]) -> LeadStates:
        """The states of leads. Raises Unavailable."""
        ...


class StateWriter(Protocol):
    """Writes feature state online. Only the state's one writer may: the last write wins."""

    def write(self, leads: Sequence[LeadRef], states: LeadStates, known_us: Sequence[int]) -> None:
        """Push merged states. Raises Unavailable."""
        ...

    def forget(self, leads: Sequence[LeadId]) -> None:
        """Remove leads that were merged away."""
        ...


class SignalSink(Protocol):
    """Takes signals in."""

    def accept(self, documents: Sequence[bytes], origin: str) -> Counts:
        """Take JSON documents in, all committed on return; `origin` names them in quarantine."""
        ...


class Policy(Protocol):
    """A versioned policy: pure, the same facts give the same decision."""

    @property
    def label(self) -> str:
        """Name and version."""
        ...

    def grade(self, score: float) -> str:
        """A to D, by fixed thresholds on the calibrated probability."""
        ...

    def decide(self, facts: Facts) -> Decision:
        """What to do about a lead."""
        ...


class DecisionLog(Protocol):
    """The append-only audit trail."""

    def append(self, records: Sequence[DecisionRecord]) -> None:
        """Record decisions, durably, all or none. Raises Unavailable."""
        ...

    def get(self, decision_id: str) -> DecisionRecord:
        """One decision. Raises Missing."""
        ...

    def records(self) -> Iterable[DecisionRecord]:
        """All decisions, oldest first."""
        ...
