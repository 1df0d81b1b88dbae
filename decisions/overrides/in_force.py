"""The overrides in force, looked up at every decision: by lead first, then by account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from decisions.overrides.journal import OverrideEntry
from domain.decisions import AppliedOverride, Facts, overridden
from domain.ports import Policy
from domain.scores import Decision


@dataclass(frozen=True, slots=True)
class OverridesInForce:
    """Overrides by the ids of leads and of accounts. Immutable."""

    by_lead: Mapping[str, OverrideEntry] = field(default_factory=dict)
    by_account: Mapping[str, OverrideEntry] = field(default_factory=dict)

    def of(self, lead_id: str, account_id: str, as_of_us: int) -> OverrideEntry | None:
        """The override of a lead, else of its account, that has not ended; None for none."""
        for entry in (self.by_lead.get(lead_id), self.by_account.get(account_id)):
            if entry is not None and entry.from_us <= as_of_us < entry.until_us:
                return entry
        return None


NONE_IN_FORCE = OverridesInForce()


def in_force(entries: Iterable[OverrideEntry]) -> OverridesInForce:
    """The overrides among entries, the oldest first; of leads that became one the newest counts."""
    by_lead: dict[str, OverrideEntry] = {}
    by_account: dict[str, OverrideEntry] = {}
    for entry in entries:
        place = by_lead if entry.of == "lead" else by_account
        place.update(dict.fromkeys(entry.subjects, entry))
    return OverridesInForce(by_lead, by_account)


def applied(
    entry: OverrideEntry, policy: Policy, facts: Facts
) -> tuple[Decision, AppliedOverride] | None:
    """The decision under an override, and what is recorded of it; None where it has no say."""
    own = policy.decide(facts)
    decision = overridden(own, entry.sequence, entry.change, entry.reason)
    if decision is None:
        return None
    record = AppliedOverride(
        number=entry.sequence,
        of=entry.of,
        change=entry.change,
        reason=entry.reason,
        instead_of=own,
    )
    return decision, record
