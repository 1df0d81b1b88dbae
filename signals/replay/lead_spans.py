"""The spans of leads in the log: from when to when, identified since when, in which accounts."""

from domain.identifiers import is_identified
from domain.journeys import FOREVER, LeadSpan
from signals.identifiers.normalization import account_of


class LeadSpans:
    """Follows leads through a replay. A lead that ended and began again has a span for each."""

    def __init__(self) -> None:
        self.spans: dict[str, LeadSpan] = {}

    def open(self, lead: str, known_us: int) -> None:
        """Begin a lead's span now, unless it has one."""
        span = self.spans.get(lead)
        if span is not None and span.ended_us < FOREVER:
            self.spans[f"{lead}~{span.ended_us}"] = span
            span = None
        if span is None:
            self.spans[lead] = LeadSpan(lead, known_us)

    def hear(self, lead: str, known_us: int) -> None:
        """Note an event of a lead: the first one that names a person identifies it."""
        if is_identified(lead):
            span = self.spans[lead]
            span.known_us = min(span.known_us, known_us)

    def join(self, lead: str, account: str, known_us: int) -> None:
        """A lead belongs to an account from now on."""
        self.spans[lead].accounts.append((known_us, account_of(account)))

    def leave(self, lead: str, known_us: int) -> None:
        """A lead belongs to no account from now on."""
        accounts = self.spans[lead].accounts
        if accounts and accounts[-1][1]:
            accounts.append((known_us, ""))

    def take_over(self, lead: str, old: str) -> None:
        """Let a lead be identified since the earlier of itself and another that ended in it."""
        span = self.spans[lead]
        span.known_us = min(span.known_us, self.spans[old].known_us)

    def end(self, lead: str, into: str, known_us: int) -> None:
        """End a lead's span."""
        span = self.spans[lead]
        if span.ended_us == FOREVER:
            span.ended_us, span.into = known_us, into
