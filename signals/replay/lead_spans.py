"""The lives of leads as the log tells them: from when, known since when, in which accounts."""

from domain.identifiers import is_identified
from domain.journeys import FOREVER, LeadSpan
from signals.identifiers.normalization import account_of


class LeadSpans:
    """Follows leads through a replay. A lead that ended and lives again has a span for each."""

    def __init__(self) -> None:
        self.told: dict[str, LeadSpan] = {}

    def open(self, lead: str, known_us: int) -> None:
        """A lead lives, from now on unless it did before."""
        span = self.told.get(lead)
        if span is not None and span.ended_us < FOREVER:
            self.told[f"{lead}~{span.ended_us}"] = span
            span = None
        if span is None:
            self.told[lead] = LeadSpan(lead, known_us)

    def hear(self, lead: str, known_us: int) -> None:
        """An event of a lead became known: a person is known since the first."""
        if is_identified(lead):
            span = self.told[lead]
            span.known_us = min(span.known_us, known_us)

    def join(self, lead: str, account: str, known_us: int) -> None:
        """A lead belongs to an account from now on."""
        self.told[lead].accounts.append((known_us, account_of(account)))

    def leave(self, lead: str, known_us: int) -> None:
        """A lead belongs to no account from now on."""
        told = self.told[lead].accounts
        if told and told[-1][1]:
            told.append((known_us, ""))

    def take_over(self, lead: str, old: str) -> None:
        """A lead has been known since another was that ended in it."""
        span = self.told[lead]
        span.known_us = min(span.known_us, self.told[old].known_us)

    def end(self, lead: str, into: str, known_us: int) -> None:
        """A lead lives no more."""
        span = self.told[lead]
        if span.ended_us == FOREVER:
            span.ended_us, span.into = known_us, into
