"""What the log says of leads over time: who was known when, and what became of them.

This is what training and monitoring see of the signal plane.
"""

from dataclasses import dataclass, field

FOREVER = 1 << 62
"""A moment that has not come."""


@dataclass(slots=True)
class LeadSpan:
    """One lead id's life, in microseconds: born, known by a strong identifier, merged away.

    `into` is the lead that it was merged into, `final` the one it is part of now.
    `accounts` are (moment, account id), ascending.
    """

    lead_id: str
    born_us: int
    known_us: int = FOREVER
    ended_us: int = FOREVER
    into: str = ""
    final: str = ""
    accounts: list[tuple[int, str]] = field(default_factory=list)

    def account_at(self, moment_us: int) -> str:
        """The account as it was known at a moment; "" where none was."""
        accounts = [account for since, account in self.accounts if since <= moment_us]
        return accounts[-1] if accounts else ""


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """An outcome of a lead, by its final id: when it happened, and when that became known."""

    lead_id: str
    name: str
    happened_us: int
    known_us: int


@dataclass(frozen=True, slots=True)
class FirstEvent:
    """The first event of some types on a lead id, at the moment that it became known."""

    lead_id: str
    known_us: int


@dataclass(frozen=True, slots=True)
class Journeys:
    """All leads that ever were, their outcomes, and the anchors that were asked for.

    `log_hash` is a digest of the events, with whose they are, in the order in which they became
    known.
    """

    spans: dict[str, LeadSpan]
    outcomes: list[OutcomeEvent]
    anchors: list[FirstEvent]
    watermark_us: int
    events: int
    log_hash: str
