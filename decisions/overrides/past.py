"""The overrides of a journal as they stood at any moment: what a record without one leaves open.

An override has no say about whom the policy finds not eligible, and then no record has it. Another
policy may find the same lead eligible: then it would have had.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from decisions.overrides.journal import OverrideEntry
from domain.decisions import DecisionChange


@dataclass(frozen=True, slots=True)
class PastOverride:
    """An override by its number, with the span in which it held, its end not included."""

    number: int
    change: DecisionChange
    reason: str
    from_us: int
    until_us: int


class PastOverrides:
    """Overrides by the ids of leads and of accounts, with withdrawals taken into account."""

    def __init__(self, entries: Iterable[OverrideEntry] = ()) -> None:
        """`entries` are those of a journal, the oldest first."""
        overrides: dict[int, OverrideEntry] = {}
        ends: dict[int, int] = {}
        for entry in entries:
            if entry.withdraws is None:
                overrides[entry.sequence] = entry
            else:
                ends[entry.withdraws] = entry.from_us or entry.at_us
        self._by_lead: dict[str, list[PastOverride]] = defaultdict(list)
        self._by_account: dict[str, list[PastOverride]] = defaultdict(list)
        for number, entry in overrides.items():
            until_us = min(entry.until_us, ends.get(number, entry.until_us))
            past = PastOverride(number, entry.change, entry.reason, entry.from_us, until_us)
            place = self._by_lead if entry.of == "lead" else self._by_account
            for subject in entry.subjects:
                place[subject].append(past)

    def of(self, lead_id: str, account_id: str, as_of_us: int) -> PastOverride | None:
        """The override of a lead, else of its account, that held at a moment; None for none."""
        candidates: list[PastOverride] = [
            *self._by_lead.get(lead_id, []),
            *self._by_account.get(account_id, []),
        ]
        for past in candidates:
            if past.from_us <= as_of_us < past.until_us:
                return past
        return None
