"""What a look at a home saw, and an alarm as it is kept and told."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from domain.clock import iso
from domain.findings import label
from domain.redaction import redacted
from monitoring.alarms.catalogue import CATALOGUE, AlarmName, Severity

LONGEST = 300
"""Of a piece of evidence, in characters."""
MOST_EVIDENCE = 10
Event = Literal["opened", "reminder", "ended"]


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an alarm is about, as it was seen.

    `subject` says which one of its kind, such as a version or a column; it is made a label. Of
    `evidence`, sentences with figures, and `acted`, what was done by itself, addresses and
    numbers of telephones are taken out, and what is too long is cut.
    """

    kind: AlarmName
    subject: str
    evidence: tuple[str, ...] = ()
    acted: str = ""

    def __post_init__(self) -> None:
        """Take out what may be personal data, and bound what is left."""
        msgspec.structs.force_setattr(self, "subject", label(self.subject))
        tidy = tuple(redacted(text)[:LONGEST] for text in self.evidence[:MOST_EVIDENCE])
        msgspec.structs.force_setattr(self, "evidence", tidy)
        msgspec.structs.force_setattr(self, "acted", redacted(self.acted)[:LONGEST])


@dataclass(frozen=True)
class AlarmLook:
    """All that was seen of some kinds. What is of another kind, nobody looked for."""

    kinds: frozenset[AlarmName] = frozenset()
    sightings: tuple[Sighting, ...] = field(default=())


class AlarmState(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as it is kept; moments in microseconds since 1970, `ended_us` None while open."""

    id: int
    kind: AlarmName
    subject: str
    evidence: tuple[str, ...]
    acted: str
    opened_us: int
    seen_us: int
    notified_us: int
    ended_us: int | None = None

    @property
    def severity(self) -> Severity:
        """How urgent it is, by the catalogue."""
        return CATALOGUE[self.kind].severity


class AlarmMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is to be told."""

    title: Annotated[str, msgspec.Meta(max_length=250)]
    text: str


_TITLES: dict[Event, str] = {"opened": "", "reminder": "still open: ", "ended": "ended: "}


def message_of(alarm: AlarmState, event: Event, runbooks: str) -> AlarmMessage:
    """An alarm as a message: cause, evidence, what was done by itself, where its run book is."""
    lines = [CATALOGUE[alarm.kind].cause, ""]
    lines += [f"Evidence: {text}" for text in alarm.evidence]
    lines += [
        f"Done by itself: {alarm.acted or 'nothing'}",
        f"Open since: {iso(alarm.opened_us)}",
    ]
    if alarm.ended_us is not None:
        lines.append(f"Ended: {iso(alarm.ended_us)}")
    lines.append(f"Run book: {runbook(alarm.kind, runbooks)}")
    title = f"[{alarm.severity}] {_TITLES[event]}{alarm.kind}: {alarm.subject}"
    return AlarmMessage(title=title[:250], text="\n".join(lines))


def runbook(kind: AlarmName, base: str) -> str:
    """Where a kind's run book is: a page of a site, or a file.

    >>> runbook("constant", "https://docs.example.com/runbooks/")
    'https://docs.example.com/runbooks/constant.html'
    >>> runbook("constant", "docs/runbooks")
    'docs/runbooks/constant.md'
    """
    return f"{base.rstrip('/')}/{kind}.{'html' if '://' in base else 'md'}"
