"""Leads that came under a rollout: what its arms are compared by, whatever they are arms of."""

from collections.abc import Iterable, Iterator

import msgspec

from domain.bucketing import Assignment
from domain.decisions import DecisionRecord


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """A lead that was treated by one arm of a rollout, from a moment, microseconds since 1970.

    `account_id` is "" for a lead without an account, which stands for itself.
    """

    lead_id: str
    account_id: str
    at_us: int
    assigned: Assignment


def exposures(records: Iterable[DecisionRecord], rollout: str) -> Iterator[Exposure]:
    """The decisions that were made under a rollout, in their order."""
    for record in records:
        placed = next((one for one in record.assigned if one.rollout == rollout), None)
        if placed is not None:
            yield Exposure(
                lead_id=record.answer.lead_id,
                account_id=record.account_id,
                at_us=record.as_of_us,
                assigned=placed,
            )
