"""The log replayed in the order in which it became known: state history and journeys.

At each event the replay stands where the stream stood, identity included: a lead's history holds
what was known of it then, under the id that it had then. A late event changes the past from the
moment it arrived, not before.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from sqlalchemy import Engine

from domain.identifiers import FIRST_WEAK, IdentifierKey, LeadId
from domain.journeys import FOREVER, Anchor, Journeys, LeadSpan, OutcomeEvent
from domain.signals import decode
from domain.state import LAST, Vector, empty
from signals import kernel, log
from signals.account_history import AccountHistory, with_room
from signals.batch import smaller
from signals.identity import Partition, account_of
from signals.log import Logged
from signals.matching import Columns, Matcher, closing_namer, outcome_namer
from signals.sinks import HistorySink, LastOfMoment
from signals.states import NO_TEXT, StateStore, Written


class Replay:
    """One pass over the log."""

    def __init__(
        self,
        store: StateStore,
        leads: HistorySink,
        accounts: HistorySink,
        anchors: Sequence[str] = (),
    ) -> None:
        """`anchors` are event types whose first event per lead is wanted."""
        self._store = store
        self._lead_sink = LastOfMoment(leads)
        self._account_sink = LastOfMoment(accounts)
        self._history = AccountHistory(store, self._account_sink)
        self._matcher = Matcher(store.definition)
        self._outcome = outcome_namer(store.definition)
        self._closing = closing_namer(store.definition)
        self._anchor_types = frozenset(anchors)
        self._partition = Partition()
        self._spans: dict[str, LeadSpan] = {}
        self._account: dict[str, str] = {}
        self._texts: dict[str, list[Written]] = {}
        self._row: dict[str, int] = {}
        self._states = empty(store.layout, 1024)
        self._outcomes: list[tuple[str, str, int, int]] = []
        self._anchors: dict[str, int] = {}
        self._digest = blake2b(digest_size=16)
        self._events = 0
        self._watermark = 0

    def run(self, engine: Engine) -> Journeys:
        """Replay the whole log."""
        for part in log.read(engine):
            self._add(part)
        self._lead_sink.close()
        self._account_sink.close()
        for span in self._spans.values():
            span.final = self._partition.resolve(LeadId(span.lead_id))
        return Journeys(
            spans=self._spans,
            outcomes=[
                OutcomeEvent(self._partition.resolve(LeadId(lead)), name, happened, known)
                for lead, name, happened, known in self._outcomes
            ],
            anchors=[Anchor(lead, known) for lead, known in self._anchors.items()],
            watermark_us=self._watermark,
            events=self._events,
            log_hash=self._digest.hexdigest(),
        )

    def _add(self, part: list[Logged]) -> None:
        """Add a chunk. A merge, or a lead that moves, ends a run: within one, rows stand still."""
        run = _Run()
        for event in part:
            keys = tuple(IdentifierKey(k) for k in event.keys)
            joined = self._partition.add(keys)
            if joined.ended or self._moves(joined.lead, event.account):
                self._flush(run)
                run = _Run()
                self._join(joined.lead, joined.ended, event)
            self._open(joined.lead, event)
            self._note(joined.lead, keys, event)
            self._match(joined.lead, event, run)
        self._flush(run)

    def _moves(self, lead: str, account: str) -> bool:
        """Whether a lead with a past comes to an account, or leaves one for another."""
        was = self._account.get(lead, "")
        return lead in self._row and smaller(was, account) != was

    def _open(self, lead: str, event: Logged) -> None:
        """Make room for a new lead."""
        if lead not in self._row:
            self._row[lead] = len(self._row)
            self._texts[lead] = [NO_TEXT] * self._store.texts
            self._states = with_room(self._states, len(self._row))
            self._spans[lead] = LeadSpan(lead, event.known_us)

    def _note(self, lead: str, keys: Sequence[str], event: Logged) -> None:
        """Note what an event makes known of a lead: a person, an account."""
        span = self._spans[lead]
        if keys[0] < FIRST_WEAK:
            span.known_us = min(span.known_us, event.known_us)
        self._settle(lead, smaller(self._account.get(lead, ""), event.account), event.known_us)

    def _settle(self, lead: str, account: str, known_us: int) -> None:
        if account and account != self._account.get(lead):
            self._account[lead] = account
            self._spans[lead].accounts.append((known_us, account_of(account)))
            self._history.open(account)

    def _match(self, lead: str, event: Logged, run: "_Run") -> None:
        signal = decode(event.body)
        before = len(run.columns.texts)
        self._matcher.add(signal, self._row[lead], run.columns)
        held = self._texts[lead]
        at, tie = run.columns.times[-1], run.columns.ties[-1]
        for _, attribute, value in run.columns.texts[before:]:
            held[attribute] = max(held[attribute], (at, tie, value))
        if closing := self._closing(event.type):
            held[-1] = max(held[-1], (at, tie, closing))
        if name := self._outcome(event.type):
            self._outcomes.append((lead, name, signal.time_us(), event.known_us))
        if event.type in self._anchor_types:
            self._anchors.setdefault(lead, event.known_us)
        run.add(lead, self._account.get(lead, ""), event.known_us, [value for _, _, value in held])
        self._events += 1
        self._watermark = event.known_us
        self._digest.update(f"{signal.source}\0{signal.id}\0".encode())

    def _join(self, lead: str, ended: Sequence[str], event: Logged) -> None:
        """Join ended leads into one; sum anew the accounts whose people changed."""
        self._open(lead, event)
        for old in ended:
            self._take_over(lead, old, event.known_us)
        left = {self._account.get(one, "") for one in (lead, *ended)} - {""}
        for account in left:
            self._history.leave(account, (lead, *ended))
        target = event.account
        for account in left:
            target = smaller(target, account)
        if target:
            self._settle(lead, target, event.known_us)
            self._history.join(target, lead, float(np.floor(self._state(lead)[LAST])))
        for account in sorted(left | {target} - {""}):
            people = [self._row[one] for one in self._history.people(account)]
            self._history.set_sum(account, self._states[people], event.known_us)

    def _take_over(self, lead: str, old: str, known_us: int) -> None:
        s, span, gone = self._store, self._spans[lead], self._spans[old]
        mine, theirs = self._state(lead), self._state(old)
        kernel.merge_into(mine, theirs, s.half_lives, s.layout.families)
        pairs = zip(self._texts[lead], self._texts[old], strict=True)
        self._texts[lead] = [max(a, b) for a, b in pairs]
        gone.ended_us, gone.into = known_us, lead
        if gone.known_us < FOREVER:
            span.known_us = min(span.known_us, known_us)

    def _state(self, lead: str) -> Vector:
        state: Vector = self._states[self._row[lead]]
        return state

    def _flush(self, run: "_Run") -> None:
        """Fold a run of events; write the state after each."""
        if not run.who:
            return
        events = run.columns.events()
        out = np.empty((len(run.who), self._store.layout.width))
        kernel.replay(self._states, events, self._store.half_lives, out)
        self._lead_sink.add([lead for lead, _ in run.who], run.moments, out, run.texts)
        if self._store.definition.accounts:
            self._history.fold(events, run.moments, run.who)


class _Run:
    """Events between two changes of identity."""

    def __init__(self) -> None:
        self.columns = Columns()
        self.who: list[tuple[str, str]] = []
        self.moments: list[int] = []
        self.texts: list[list[str]] = []

    def add(self, lead: str, account: str, known_us: int, texts: list[str]) -> None:
        """Note whose event it is, when it became known, and the texts after it."""
        self.who.append((lead, account))
        self.moments.append(known_us)
        self.texts.append(texts)
