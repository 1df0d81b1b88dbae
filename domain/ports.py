"""The seams between rooms: what each asks of another, and nothing of how it is done."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from domain.decisions import DecisionRecord, Facts
from domain.identifiers import AccountId, LeadId
from domain.scores import Decision
from domain.state import Matrix


@dataclass(frozen=True, slots=True)
class LeadRef:
    """A lead by its canonical id, with its account ("" where none is known)."""

    lead_id: LeadId
    account_id: AccountId


@dataclass(frozen=True, slots=True)
class KnownLeads:
    """Leads in the order of the ids that were asked, None for an id of nobody's.

    `watermark_us` is the newest moment that the log knew of then.
    """

    leads: Sequence[LeadRef | None]
    watermark_us: int


@dataclass(frozen=True, slots=True)
class LeadStates:
    """What the online store holds of some leads, row by row.

    `leads` [n, width], `accounts` [n, account width], `texts` n rows: the text attributes in the
    definition's order, then the outcome that closed the
    lead; "" is none. `known_us` [n] is when
    the newest event in the state became known. What the store does not hold is all zeros.
    `degraded` [n] says which rows are not what the store holds now, of DEGRADED_BY, "" for those
    that are; empty where all are.
    """

    leads: Matrix
    accounts: Matrix
    texts: Sequence[Sequence[str]]
    known_us: Sequence[int]
    degraded: Sequence[str] = ()


class LeadDirectory(Protocol):
    """Who is who."""

    def resolve(self, lead_id: str) -> LeadRef:
        """The lead that an id, current or former, stands for. Raises UnknownLead."""
        ...

    def find(self, identifiers: Mapping[str, str]) -> LeadRef:
        """The lead known by all these identifiers. Raises UnknownLead."""
        ...

    def known(self, lead_ids: Sequence[str]) -> KnownLeads:
        """The leads that ids, current or former, stand for. Raises Unavailable."""
        ...

    def watermark_us(self) -> int:
        """The newest moment that the log knows of."""
        ...


class StateReader(Protocol):
    """Reads feature state online."""

    def read(self, leads: Sequence[LeadRef]) -> LeadStates:
        """The states of leads. Raises Unavailable."""
        ...


class ProfileReader(Protocol):
    """Reads what is known of who leads are, from another place than the online store."""

    def profiles(self, leads: Sequence[LeadRef]) -> LeadStates:
        """As `StateReader.read`, with the attributes of the profile alone. Raises Unavailable."""
        ...


class StateWriter(Protocol):
    """Writes feature state online. Only the state's one writer may: the last write wins.

    `known_us` says, per row, when the newest event in it became known.
    """

    def write_leads(
        self,
        leads: Sequence[str],
        states: Matrix,
        texts: Sequence[Sequence[str]],
        known_us: Sequence[int],
    ) -> None:
        """Push merged lead states [n, width] and their texts. Raises Unavailable."""
        ...

    def write_accounts(
        self, accounts: Sequence[str], vectors: Matrix, known_us: Sequence[int]
    ) -> None:
        """Push account vectors [n, account width]. Raises Unavailable."""
        ...

    def forget(self, leads: Sequence[str]) -> None:
        """Remove leads that were merged away."""
        ...


class Policy(Protocol):
    """A versioned policy: pure, the same facts give the same decision."""

    @property
    def label(self) -> str:
        """Name and version."""
        ...

    @property
    def looks_at(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The attributes and the features that it may look at; facts need hold no others."""
        ...

    @property
    def grades(self) -> tuple[tuple[str, float], ...]:
        """Its grades with their least probability, the best first."""
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
        """Record decisions, durably, all or none.

        Raises Unavailable; Refused where a decision's id or its request's key is recorded already.
        """
        ...

    def get(self, decision_id: str) -> DecisionRecord:
        """One decision. Raises Missing."""
        ...

    def answered(self, keys: Sequence[str]) -> Mapping[str, DecisionRecord]:
        """By key, the decisions that requests of these keys were answered with."""
        ...

    def records(self, since_us: int | None = None) -> Iterable[DecisionRecord]:
        """All decisions made at that moment or later, oldest first."""
        ...


LAST_KNOWN, PROFILE_ONLY, ARM_FAILED = "last-known", "profile-only", "arm-failed"
DEGRADED_BY = (PROFILE_ONLY, LAST_KNOWN, ARM_FAILED, "features", "inputs")
"""Why an answer is degraded, the worst first: behaviour cannot be read, the profile was scored
alone; features are those that were read last; the arm's version or policy failed, the champion's
answered; features break a rule; inputs are unlike those of training."""


BREAKERS = ("features", "audit")
"""The stores that are left alone for a while when they fail: the online store, the audit trail."""


class Observer(Protocol):
    """Hears how answers come about. On the hot path: it must be cheap, and never raise itself.

    Nothing it is told names a lead, so that nothing it tells can.
    """

    def stage(self, name: str, parents: Sequence[str] = ()) -> AbstractContextManager[object]:
        """Round one stage of the work: features, score, policy, audit, ingest, batch.

        `parents` are the W3C trace contexts (`traceparent`) of what led to it.
        """
        ...

    def degraded(self, arm: str, reason: str) -> None:
        """One answer of this arm is degraded, by this one of DEGRADED_BY."""
        ...

    def breaker(self, name: str, is_open: int) -> None:
        """What a store of this name keeps from being asked opened (1), or closed (0)."""
        ...


class NullObserver:
    """Hears nothing: the default."""

    _nothing = nullcontext()

    def stage(
        self,
        name: str,  # noqa: ARG002
        parents: Sequence[str] = (),  # noqa: ARG002
    ) -> AbstractContextManager[object]:
        """Do nothing."""
        return self._nothing

    def degraded(self, arm: str, reason: str) -> None:
        """Do nothing."""

    def breaker(self, name: str, is_open: int) -> None:
        """Do nothing."""
