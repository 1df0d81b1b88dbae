"""The log replayed in the order in which it became known: state history and journeys.

At each event the replay has the same state as the stream had, identity included: a lead's history
holds what was known of it at that moment, under the id that it had. A late event changes the state
from the moment it arrived on, not before.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from domain.journeys import FirstEvent, Journeys, OutcomeEvent
from domain.state import COUNT, Events, Index, Vector, empty
from signals.events.feature_matching import MatchedColumns
from signals.ingest.transactions import Writer
from signals.ingest.unit_of_work import smaller
from signals.replay.account_history import (
    NOBODYS,
    AccountsAtEvents,
    AccountsAtSnapshots,
    Moves,
    note_latest,
    with_room,
)
from signals.replay.cursor import LogCursor, between
from signals.replay.identity_history import PeopleHistory, Rearranged
from signals.replay.lead_spans import LeadSpans
from signals.replay.log_reader import EMPTY, News, Part
from signals.replay.sinks import HistorySink, LastOfMoment
from signals.replay.snapshot_schedule import SnapshotSchedule
from signals.store import state_kernels
from signals.store.feature_states import NO_TEXT, AttributeWrite

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class _Before:
    """Accounts as they were before identities changed.

    `changed` are the accounts of all leads concerned, `torn` those of leads that were torn;
    `folded_again` are the leads whose events were folded again.
    """

    changed: Set[str] = frozenset()
    torn: Set[str] = frozenset()
    folded_again: Set[str] = frozenset()


class Replay:
    """One pass over the log. Leads go by ids, and by the numbers of their rows."""

    def __init__(
        self,
        writer: Writer,
        leads: HistorySink,
        accounts: HistorySink,
        looks: SnapshotSchedule | None = None,
    ) -> None:
        """`looks`: the moments at which history is read; None where it is read at any moment.

        With `looks`, only the last state of a lead or an account before each of them is written.
        """
        self._looks = looks
        self._look = 0
        self._store = store = writer.states
        self._matcher = writer.matcher
        self._lead_sink = leads if looks else LastOfMoment(leads)
        self._account_sink = accounts if looks else LastOfMoment(accounts)
        self._names: list[str] = []
        kind = AccountsAtEvents if looks is None else AccountsAtSnapshots
        self._history = kind(store, self._account_sink, self._names)
        self._people = PeopleHistory(writer)
        self._spans = LeadSpans()
        self._account: dict[str, str] = {}
        self._texts: dict[str, list[AttributeWrite]] = {}
        self._inherited: dict[str, str] = {}
        self._merged: dict[str, list[tuple[str, Vector]]] = {}
        self._row: dict[str, int] = {}
        self._states = empty(store.layout, 1024)
        self._touched = np.zeros(1024, dtype=np.int64)
        self._account_of = np.full(1024, NOBODYS, dtype=np.int64)
        self._row_of = np.zeros(1024, dtype=np.int64)
        self._outcomes: list[tuple[int, str, int, int]] = []
        self._anchors: dict[str, int] = {}
        self._events = 0
        self._watermark = 0
        self._digest = EMPTY

    def run(self, parts: Iterable[Part]) -> Journeys:
        """Replay the log."""
        for part in parts:
            self._add(part)
        if self._looks is not None:
            self._write_touched()
        for sink in (self._lead_sink, self._account_sink):
            if isinstance(sink, LastOfMoment):
                sink.close()
        for span in self._spans.spans.values():
            span.final = self._people.lead_named(span.lead_id)
        return Journeys(
            spans=self._spans.spans,
            outcomes=[
                OutcomeEvent(self._people.lead_of(keys), name, happened, known)
                for keys, name, happened, known in self._outcomes
            ],
            anchors=[FirstEvent(lead, known) for lead, known in self._anchors.items()],
            watermark_us=self._watermark,
            events=self._events,
            log_hash=self._digest,
        )

    def _add(self, part: Part) -> None:
        """Add a part, one stretch of events after another; identities change only between them."""
        run, count = LogCursor(part), 0
        places = [news.place for news in part.news]
        while run.folded < run.end:
            begin_us = run.known_us[run.folded]
            self._look_before(begin_us)
            while begin_us >= self._people.next_decision_us:
                self._rearrange(self._people.decide(run.before(run.folded)), begin_us)
            end = self._stretch(run, places[count : count + 2])
            until = bisect_left(places, end)
            self._meet(run, part.news[count:until])
            self._fold(run, end)
            count = until
        self._people.count(run.before(run.end))
        self._outcomes += [
            (int(part.sets[o.place]), o.name, o.happened_us, run.known_us[o.place])
            for o in part.outcomes
        ]
        self._events += run.end
        self._watermark = run.known_us[-1]
        self._digest = part.digest

    def _stretch(self, run: LogCursor, news: Sequence[int]) -> int:
        """Where a stretch of events ends: before the next look, and before identities change.

        Without looks it ends before the next news, so that each event is written with the state of
        its moment. Between two looks no state is read: all news of identity are taken in together,
        and leads that begin and end between them are never written.
        """
        end = min(run.end, run.first_at(self._people.next_decision_us))
        if self._looks is not None:
            return min(end, run.first_at(self._look + 1))
        return min([end, *(place for place in news if place > run.folded)])

    def _look_before(self, known_us: int) -> None:
        """Write the present states if the next event comes after a look."""
        if self._looks is None:
            return
        if not self._look:
            self._look = self._looks.begin(known_us)
        if known_us > self._look:
            self._write_touched()
            self._look = self._looks.next_after(self._look, known_us)

    def _meet(self, run: LogCursor, arrivals: Sequence[News]) -> None:
        """Take in sets of keys, or accounts, that come for the first time in the next stretch."""
        sets = [news.keys for news in arrivals if news.keys]
        if sets:
            change = self._people.meet(sets, run.before(run.folded))
            self._rearrange(change, run.known_us[run.folded])
        for news in arrivals:
            known_us, lead = run.known_us[news.place], self._people.lead_of(news.number)
            moves = self._moves(lead, news.account)
            self._open(lead, known_us)
            if moves:
                self._settle([lead], known_us, news.account, _Before())
            self._note(lead, news.account, known_us)
            self._row_of = with_room(self._row_of, news.number + 1)
            self._row_of[news.number] = self._row[lead]

    def _moves(self, lead: str, account: str) -> bool:
        """Whether a lead with a past comes to an account, or leaves one for another."""
        was = self._account.get(lead, "")
        return lead in self._row and smaller(was, account) != was

    def _open(self, lead: str, known_us: int) -> None:
        """Make room for a lead that is new, or begins again after it ended."""
        if lead not in self._row:
            self._row[lead] = row = len(self._row)
            self._names.append(lead)
            self._states = with_room(self._states, row + 1)
            self._touched = with_room(self._touched, row + 1)
            self._account_of = with_room(self._account_of, row + 1)
            self._account_of[row] = NOBODYS
            self._texts[lead] = [NO_TEXT] * self._store.texts
        self._spans.open(lead, known_us)

    def _note(self, lead: str, account: str, known_us: int) -> None:
        """Note the person or the account that an event names for a lead."""
        self._spans.hear(lead, known_us)
        self._belong(lead, smaller(self._account.get(lead, ""), account), known_us)

    def _belong(self, lead: str, account: str, known_us: int) -> None:
        if account and account != self._account.get(lead):
            self._account[lead] = account
            self._spans.join(lead, account, known_us)
            self._account_of[self._row[lead]] = self._history.people.open(account)

    def _leave_account(self, lead: str) -> None:
        self._account.pop(lead, None)
        if lead in self._row:
            self._account_of[self._row[lead]] = NOBODYS

    # -- changes of identity -----------------------------------------------------------------

    def _rearrange(self, change: Rearranged | None, known_us: int) -> None:
        """Merge leads that ended, fold torn ones again, and sum their accounts again."""
        if change is None:
            return
        touched = {*change.ended, *change.torn, *change.ended.values(), *change.lead_of}
        known_leads = {lead for lead in touched if lead in self._row}
        left = {self._account.get(lead, "") for lead in touched} - {""}
        torn_of = {self._account.get(lead, "") for lead in change.torn}
        for lead in change.torn:
            self._leave_account(lead)
        for lead in change.torn & known_leads:
            self._state(lead)[:] = 0.0
            self._texts[lead] = [NO_TEXT] * self._store.texts
        for old, lead in sorted(change.ended.items()):
            self._open(lead, known_us)
            if old in known_leads and old not in change.torn:
                self._take_over(lead, old)
        self._fold_again(change, known_us)
        for number in change.moved:
            self._row_of[number] = self._row[self._people.lead_of(number)]
        alive = [one for one in sorted(touched) if one in self._row and self._state(one)[COUNT]]
        for old in known_leads - set(alive):
            self._end(old, change.ended.get(old) or change.went.get(old, ""), known_us)
        self._leave(left, touched)
        self._settle(alive, known_us, "", _Before(left, torn_of, {*change.lead_of}))
        if self._looks is not None:
            self._touched[[self._row[one] for one in alive]] = known_us
            return
        self._lead_sink.add(
            alive,
            [known_us] * len(alive),
            np.array([self._state(one) for one in alive]),
            [[value for _, _, value in self._texts[one]] for one in alive],
        )

    def _leave(self, accounts: Set[str], leads: Iterable[str]) -> None:
        rows = [self._row[lead] for lead in leads if lead in self._row]
        for account in accounts - {""}:
            self._history.people.leave(self._history.people.open(account), rows)

    def _fold_again(self, change: Rearranged, known_us: int) -> None:
        columns, noted = MatchedColumns(), 0
        for event, lead in zip(change.events, change.lead_of, strict=True):
            self._open(lead, known_us)
            self._note(lead, event.known.account, known_us)
            self._matcher.add(event, self._row[lead], columns)
            for _, attribute, value in columns.texts[noted:]:
                self._write_text(lead, attribute, (columns.times[-1], event.tie, value))
            noted = len(columns.texts)
        if change.events:
            lives = self._store.half_lives
            state_kernels.fold(self._states, columns.events(), 0, len(change.events), lives)

    def _take_over(self, lead: str, old: str) -> None:
        s = self._store
        if self._looks is None:
            inherited = self._account.get(old, ""), self._state(old).copy()
            self._merged.setdefault(lead, []).append(inherited)
        state_kernels.merge_into(
            self._state(lead), self._state(old), s.half_lives, s.layout.families
        )
        pairs = zip(self._texts[lead], self._texts[old], strict=True)
        self._texts[lead] = [max(a, b) for a, b in pairs]
        account = smaller(self._account.get(lead, ""), self._account.get(old, ""))
        self._leave_account(old)
        if account:
            # another that ended in the same lead may have left one as well
            self._inherited[lead] = smaller(self._inherited.get(lead, ""), account)
        self._state(old)[:] = 0.0
        self._spans.take_over(lead, old)

    def _end(self, lead: str, into: str, known_us: int) -> None:
        self._spans.end(lead, into, known_us)
        self._leave_account(lead)
        self._texts[lead] = [NO_TEXT] * self._store.texts

    def _settle(self, leads: Sequence[str], known_us: int, account: str, before: "_Before") -> None:
        """Assign leads to their accounts, and pass the changes on to the account history."""
        moves, open_, changed = Moves(), self._history.people.open, {*before.changed}
        left = {*before.torn}
        for lead in leads:
            was = self._account.get(lead, "")
            now = smaller(smaller(was, account), self._inherited.pop(lead, ""))
            self._leave({was}, [lead])
            self._belong(lead, now, known_us)
            if not now:
                self._spans.leave(lead, known_us)
            else:
                self._history.people.join(open_(now), self._row[lead])
                moves.people.append((self._row[lead], open_(now)))
            changed |= {was, now}
            inherited = self._merged.pop(lead, [])
            if lead in before.folded_again:
                left |= {was, now, *(theirs for theirs, _ in inherited)}
                continue
            gained = [part for theirs, part in inherited if theirs != now]
            left |= {theirs for theirs, _ in inherited if theirs != now}
            if was != now:
                left |= {was, *(theirs for theirs, _ in inherited if theirs == now)}
                gained = [self._state(lead).copy()]
            if now:
                moves.gained.setdefault(open_(now), []).extend(gained)
        moves.left = {open_(one) for one in left - {""}}
        moves.accounts = [open_(one) for one in sorted(changed - {""})]
        self._history.settle(moves, known_us, self._states)

    def _state(self, lead: str) -> Vector:
        state: Vector = self._states[self._row[lead]]
        return state

    def _write_text(self, lead: str, attribute: int, written: AttributeWrite) -> None:
        texts = self._texts[lead]
        texts[attribute] = max(texts[attribute], written)

    # -- runs of events between them ----------------------------------------------------------

    def _fold(self, run: LogCursor, end: int) -> None:
        """Fold the events before `end` that are not folded yet."""
        begin = run.folded
        if begin == end:
            return
        run.folded = end
        rows = self._row_of[run.part.sets[begin:end]]
        for at in run.anchors(end):
            self._anchors.setdefault(self._names[rows[at - begin]], run.known_us[at])
        events, known_us = between(run.part.events, begin, end, rows), run.part.known_us[begin:end]
        if self._looks is not None:
            state_kernels.fold(self._states, events, 0, len(rows), self._store.half_lives)
            note_latest(self._touched, rows, known_us)
            for at, attribute, written in run.texts(end):
                self._write_text(self._names[rows[at - begin]], attribute, written)
        else:
            self._write_each(run, events, known_us)
        if self._store.definition.accounts:
            self._history.fold(events, self._account_of[rows], known_us)

    def _write_each(self, run: LogCursor, events: Events, known_us: Index) -> None:
        """Fold events, and write the state after each."""
        begin, rows = run.folded - len(known_us), events.rows
        out = np.empty((len(rows), self._store.layout.width))
        state_kernels.replay(self._states, events, self._store.half_lives, out)
        written: dict[int, list[tuple[int, AttributeWrite]]] = {}
        for at, attribute, text in run.texts(run.folded):
            written.setdefault(at - begin, []).append((attribute, text))
        leads = [self._names[row] for row in rows]
        texts = []
        for at, lead in enumerate(leads):
            for attribute, text in written.get(at, ()):
                self._write_text(lead, attribute, text)
            texts.append([value for _, _, value in self._texts[lead]])
        self._lead_sink.add(leads, known_us.tolist(), out, texts)

    # -- moments at which history is looked at ------------------------------------------------

    def _write_touched(self) -> None:
        """Write the states of leads and accounts that changed since they were last written."""
        rows = np.flatnonzero(self._touched)
        rows = rows[self._states[rows, COUNT] > 0.0]
        rows = rows[np.argsort(self._touched[rows], kind="stable")]
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            leads = [self._names[row] for row in some]
            texts = [[value for _, _, value in self._texts[lead]] for lead in leads]
            self._lead_sink.add(leads, self._touched[some].tolist(), self._states[some], texts)
        self._touched[:] = 0
        if isinstance(self._history, AccountsAtSnapshots):
            self._history.write(self._states)
