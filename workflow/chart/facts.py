"""What guards read of a lead, and what a decision of the audit trail gives of it."""

from typing import Literal

import msgspec

FactKind = Literal["number", "text", "flag"]


class LeadFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What the newest decision said of a lead; before the first one, that it is not eligible.

    `service_level_h` is within how many working hours the next step is due, 0 where it is not said.
    """

    eligible: bool = False
    action: str = ""
    queue: str = ""
    owner_pool: str = ""
    priority: int = 0
    next_best_action: str = ""
    grade: str = ""
    score: float = 0.0
    percentile: float = 0.0
    service_level_h: float = 0.0


NOTHING = LeadFacts()
FACTS: dict[str, FactKind] = {
    "eligible": "flag",
    "action": "text",
    "queue": "text",
    "priority": "number",
    "next_best_action": "text",
    "grade": "text",
    "score": "number",
    "percentile": "number",
    "attempts": "number",
    "owned": "flag",
}
"""What a guard may name; `attempts` counts assignments, `owned` says that somebody has the lead."""
BOUNDS: dict[str, tuple[float, float]] = {
    "score": (0.0, 1.0),
    "percentile": (0.0, 100.0),
}
"""Where numbers of a decision lie."""
OF_EFFECTS = frozenset({*FACTS, "lead_id", "account_id", "state", "from_state", "owner", "event"})
"""What a field of an effect may take its value from."""
