"""The log replayed in the order in which it became known: state history and journeys.

At each event the replay stands where the stream stood, identity included: a lead's history holds
what was known of it then, under the id that it had then. A late event changes the past from the
moment it arrived, not before.
"""

from collections.abc import Iterable, Sequence, Set
from hashlib import blake2b

import numpy as np

from domain.identifiers import is_identified
from domain.journeys import FOREVER, Anchor, Journeys, LeadSpan, OutcomeEvent
from domain.state import COUNT, LAST, Vector, empty
from signals import kernel, log
from signals.account_history import AccountHistory, with_room
from signals.batch import smaller
from signals.identity import account_of
from signals.looks import Looks
from signals.matching import Columns, outcome_namer
from signals.people_history import PeopleHistory, Rearranged
from signals.reading import Accepted
from signals.resolution import Keys
from signals.sinks import HistorySink, LastOfMoment
from signals.states import NO_TEXT, Written
from signals.writer import Writer

_AT_ONCE = 5_000


class Replay:
    """One pass over the log."""

    def __init__(
        self,
        writer: Writer,
        leads: HistorySink,
        accounts: HistorySink,
        anchors: Sequence[str] = (),
        through: int | None = None,
        looks: Looks | None = None,
    ) -> None:
        """`anchors` are event types whose first event per lead is wanted.

        `through`: only the first so many events that arrived are replayed. `looks`: history will
        be asked for at these moments alone, so that of the states of a lead or an account between
        two of them only the last is written.
        """
        self._looks = looks
        self._look = 0
        self._touched: dict[str, int] = {}
        self._through = through
        self._engine = writer.engine
        self._store = store = writer.states
        self._matcher = writer.matcher
        self._lead_sink = LastOfMoment(leads)
        self._account_sink = LastOfMoment(accounts)
        self._history = AccountHistory(store, self._account_sink, held=looks is not None)
        self._outcome = outcome_namer(store.definition)
        self._anchor_types = frozenset(anchors)
        self._people = PeopleHistory(writer)
        self._spans: dict[str, LeadSpan] = {}
        self._account: dict[str, str] = {}
        self._texts: dict[str, list[Written]] = {}
        self._inherited: dict[str, str] = {}
        self._row: dict[str, int] = {}
        self._states = empty(store.layout, 1024)
        self._outcomes: list[tuple[Keys, str, int, int]] = []
        self._anchors: dict[str, int] = {}
        self._digest = blake2b(digest_size=16)
        self._events = 0
        self._watermark = 0

    def run(self) -> Journeys:
        """Replay the log."""
        for part in log.read(self._engine, through=self._through):
            self._add(part)
        self._write_touched()
        self._lead_sink.close()
        self._account_sink.close()
        for span in self._spans.values():
            span.final = self._people.lead_named(span.lead_id)
        return Journeys(
            spans=self._spans,
            outcomes=[
                OutcomeEvent(self._people.lead_of(keys)[0], name, happened, known)
                for keys, name, happened, known in self._outcomes
            ],
            anchors=[Anchor(lead, known) for lead, known in self._anchors.items()],
            watermark_us=self._watermark,
            events=self._events,
            log_hash=self._digest.hexdigest(),
        )

    def _add(self, part: list[Accepted]) -> None:
        """Add a chunk. A change of who is who ends a run: within one, rows stand still."""
        run = _Run()
        for event in part:
            if self._looks is not None and event.known_us > self._look:
                self._flush(run)
                run = _Run()
                self._look_up(self._looks, event.known_us)
            changes = self._people.add(event)
            for change in changes:
                self._flush(run)
                run = _Run()
                self._rearrange(change, event.known_us)
            lead, _ = self._people.lead_of(event.known.keys)
            if self._moves(lead, event.known.account):
                self._flush(run)
                run = _Run()
                self._settle([lead], event.known_us, event.known.account)
            self._open(lead, event.known_us)
            self._note(lead, event)
            self._match(lead, event, run)
        self._flush(run)

    def _moves(self, lead: str, account: str) -> bool:
        """Whether a lead with a past comes to an account, or leaves one for another."""
        was = self._account.get(lead, "")
        return lead in self._row and smaller(was, account) != was

    def _open(self, lead: str, known_us: int) -> None:
        """Make room for a lead that is new, or lives again."""
        if lead not in self._row:
            self._row[lead] = len(self._row)
            self._states = with_room(self._states, len(self._row))
            self._texts[lead] = [NO_TEXT] * self._store.texts
        span = self._spans.get(lead)
        if span is not None and span.ended_us < FOREVER:
            self._spans[f"{lead}~{span.ended_us}"] = span
            span = None
        if span is None:
            self._spans[lead] = LeadSpan(lead, known_us)

    def _note(self, lead: str, event: Accepted) -> None:
        """Note what an event makes known of a lead: a person, an account."""
        span = self._spans[lead]
        if is_identified(lead):
            span.known_us = min(span.known_us, event.known_us)
        account = smaller(self._account.get(lead, ""), event.known.account)
        self._belong(lead, account, event.known_us)

    def _belong(self, lead: str, account: str, known_us: int) -> None:
        if account and account != self._account.get(lead):
            self._account[lead] = account
            self._spans[lead].accounts.append((known_us, account_of(account)))
            self._history.open(account)

    def _match(self, lead: str, event: Accepted, run: "_Run") -> None:
        self._matcher.add(event, self._row[lead], run.columns)
        self._write_texts(lead, event, run)
        if name := self._outcome(event.signal.type):
            self._outcomes.append((event.known.keys, name, event.time_us, event.known_us))
        if event.signal.type in self._anchor_types:
            self._anchors.setdefault(lead, event.known_us)
        texts = [value for _, _, value in self._texts[lead]]
        run.add(lead, self._account.get(lead, ""), event.known_us, texts)
        self._events += 1
        self._watermark = event.known_us
        told = (event.key, event.known.account, *event.known.keys)
        self._digest.update("\0".join(told).encode() + event.body)

    def _write_texts(self, lead: str, event: Accepted, run: "_Run") -> None:
        held, c = self._texts[lead], run.columns
        for _, attribute, value in c.texts[run.texts_noted :]:
            held[attribute] = max(held[attribute], (c.times[-1], event.tie, value))
        run.texts_noted = len(c.texts)

    # -- changes of who is who ---------------------------------------------------------------

    def _rearrange(self, change: Rearranged, known_us: int) -> None:
        """Merge leads that ended, fold anew those that were torn; sum their accounts anew."""
        touched = {*change.ended, *change.torn, *change.ended.values(), *change.lead_of}
        held = {lead for lead in touched if lead in self._row}
        left = {self._account.get(lead, "") for lead in touched} - {""}
        for lead in change.torn:
            self._account.pop(lead, None)
        for lead in change.torn & held:
            self._state(lead)[:] = 0.0
            self._texts[lead] = [NO_TEXT] * self._store.texts
        for old, lead in change.ended.items():
            self._open(lead, known_us)
            if old in held and old not in change.torn:
                self._take_over(lead, old)
        self._fold_again(change, known_us)
        alive = [one for one in sorted(touched) if one in self._row and self._state(one)[COUNT]]
        for old in held - set(alive):
            self._end(old, change.ended.get(old) or change.went.get(old, ""), known_us)
        self._leave(left, touched)
        self._settle(alive, known_us, "", left)
        if self._looks is not None:
            self._touched.update(dict.fromkeys(alive, known_us))
            return
        self._lead_sink.add(
            alive,
            [known_us] * len(alive),
            np.array([self._state(one) for one in alive]),
            [[value for _, _, value in self._texts[one]] for one in alive],
        )

    def _leave(self, accounts: set[str], leads: Iterable[str]) -> None:
        for account in accounts - {""}:
            self._history.leave(account, leads)

    def _fold_again(self, change: Rearranged, known_us: int) -> None:
        run = _Run()
        for event, lead in zip(change.events, change.lead_of, strict=True):
            self._open(lead, known_us)
            self._note(lead, event)
            self._matcher.add(event, self._row[lead], run.columns)
            self._write_texts(lead, event, run)
        if change.events:
            events, lives = run.columns.events(), self._store.half_lives
            kernel.fold(self._states, events, 0, len(change.events), lives)

    def _take_over(self, lead: str, old: str) -> None:
        s, span, gone = self._store, self._spans[lead], self._spans[old]
        kernel.merge_into(self._state(lead), self._state(old), s.half_lives, s.layout.families)
        pairs = zip(self._texts[lead], self._texts[old], strict=True)
        self._texts[lead] = [max(a, b) for a, b in pairs]
        account = smaller(self._account.get(lead, ""), self._account.get(old, ""))
        self._account.pop(old, None)
        if account:
            self._inherited[lead] = account
        self._state(old)[:] = 0.0
        span.known_us = min(span.known_us, gone.known_us)

    def _end(self, lead: str, into: str, known_us: int) -> None:
        span = self._spans[lead]
        if span.ended_us == FOREVER:
            span.ended_us, span.into = known_us, into
        self._account.pop(lead, None)
        self._texts[lead] = [NO_TEXT] * self._store.texts

    def _settle(
        self, leads: Sequence[str], known_us: int, account: str, left: Set[str] = frozenset()
    ) -> None:
        """Put leads into their accounts; sum anew every account whose people changed."""
        changed = set(left)
        for lead in leads:
            was = self._account.get(lead, "")
            now = smaller(smaller(was, account), self._inherited.pop(lead, ""))
            if was:
                self._history.leave(was, [lead])
                changed.add(was)
            self._belong(lead, now, known_us)
            told = self._spans[lead].accounts
            if not now and told and told[-1][1]:
                told.append((known_us, ""))
            if now:
                self._history.join(now, lead, float(np.floor(self._state(lead)[LAST])))
                changed.add(now)
        for one in sorted(changed):
            people = [self._row[lead] for lead in self._history.people(one)]
            self._history.set_sum(one, self._states[people], known_us)

    def _state(self, lead: str) -> Vector:
        state: Vector = self._states[self._row[lead]]
        return state

    def _flush(self, run: "_Run") -> None:
        """Fold a run of events; write the state after each."""
        if not run.who:
            return
        events = run.columns.events()
        if self._looks is not None:
            kernel.fold(self._states, events, 0, len(run.who), self._store.half_lives)
            self._touched.update(zip((lead for lead, _ in run.who), run.moments, strict=True))
            if self._store.definition.accounts:
                self._history.fold_held(events, run.moments, run.who)
            return
        out = np.empty((len(run.who), self._store.layout.width))
        kernel.replay(self._states, events, self._store.half_lives, out)
        self._lead_sink.add([lead for lead, _ in run.who], run.moments, out, run.texts)
        if self._store.definition.accounts:
            self._history.fold(events, run.moments, run.who)

    # -- moments at which history is looked at ------------------------------------------------

    def _look_up(self, looks: Looks, known_us: int) -> None:
        """Write what stands, because the next event comes after a look."""
        if not self._look:
            self._look = looks.begin(known_us)
        if known_us > self._look:
            self._write_touched()
            self._look = looks.next_after(self._look, known_us)

    def _write_touched(self) -> None:
        """Write the states of leads and accounts that changed since they were last written."""
        leads = [lead for lead in self._touched if self._state(lead)[COUNT]]
        leads.sort(key=self._touched.__getitem__)
        for at in range(0, len(leads), _AT_ONCE):
            some = leads[at : at + _AT_ONCE]
            self._lead_sink.add(
                some,
                [self._touched[lead] for lead in some],
                self._states[[self._row[lead] for lead in some]],
                [[value for _, _, value in self._texts[lead]] for lead in some],
            )
        self._touched.clear()
        self._history.write_held()


class _Run:
    """Events between two changes of identity."""

    def __init__(self) -> None:
        self.columns = Columns()
        self.who: list[tuple[str, str]] = []
        self.moments: list[int] = []
        self.texts: list[list[str]] = []
        self.texts_noted = 0

    def add(self, lead: str, account: str, known_us: int, texts: list[str]) -> None:
        """Note whose event it is, when it became known, and the texts after it."""
        self.who.append((lead, account))
        self.moments.append(known_us)
        self.texts.append(texts)
