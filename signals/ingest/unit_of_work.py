"""One transaction's work on leads and accounts: resolve, fold, save."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, insert

from domain.state import COUNT, Index, Vector, empty
from signals.events import event_log
from signals.events.event_columns import EventColumns, arrivals, joined
from signals.events.feature_matching import Matcher
from signals.events.validation import ValidEvent
from signals.identity.link_graph import Keys
from signals.identity.merges_and_splits import Rearrangement, rearrangement
from signals.identity.resolver import Resolved
from signals.identity.store import Identities
from signals.ingest.outbox import ACCOUNT, ENDED, LEAD, announce
from signals.store import event_index, state_kernels
from signals.store.event_index import home_of
from signals.store.feature_states import LeadRow, StateStore
from signals.store.tables import changes, generation


class First(NamedTuple):
    """The first event that carried a set of keys."""

    key: str
    type: str
    known_us: int


def first_of_each(fresh: EventColumns) -> dict[Keys, First]:
    """The first event of each set of keys."""
    places = range(len(fresh.sets) - 1, -1, -1)
    first = dict(zip(reversed(fresh.sets), places, strict=True))
    return {
        keys: First(fresh.keys[at], fresh.types[at], int(fresh.known_us[at]))
        for keys, at in first.items()
    }


class UnitOfWork:
    """The events of one transaction, and the leads and accounts that they touch."""

    def __init__(
        self,
        connection: Connection,
        states: StateStore,
        matcher: Matcher,
        identities: Identities,
    ) -> None:
        self._connection = connection
        self._states = states
        self._matcher = matcher
        self._identities = identities
        self._rows: dict[str, LeadRow] = {}
        self._parts: dict[str, list[tuple[str, Vector]]] = {}
        self._recount: set[str] = set()
        self._events = arrivals((), matcher).events
        self._taken: list[tuple[int, ValidEvent]] = []
        self._order: list[LeadRow] = []

    def add(self, fresh: EventColumns) -> None:
        """Log events that the log does not hold, and make them count."""
        sets = set(fresh.sets)
        resolved = self._identities.resolver.add(sets)
        told = first_of_each(fresh) if resolved.links or resolved.moves else {}
        change = self._rearrange(resolved, told)
        homes = self._homes(sets)
        event_log.append(self._connection, fresh, homes)
        self._apply(change, fresh, homes)

    def separate(self, seeds: Set[str], reason: str, now_us: int) -> None:
        """Decide anew about identifiers whose sides have changed."""
        resolved = self._identities.resolver.resolve(seeds)
        change = self._rearrange(resolved, {}, reason, now_us)
        self._apply(change, arrivals((), self._matcher), {})

    def count(self, logged: Sequence[ValidEvent]) -> None:
        """Make logged events count, whose identifiers are resolved already."""
        told = arrivals(logged, self._matcher)
        sets = set(told.sets)
        self._identities.know(sets)
        self._apply(Rearrangement({}, set(), {}), told, self._homes(sets))

    def _homes(self, sets: Iterable[Keys]) -> dict[Keys, str]:
        route = self._identities.resolver.route
        return {keys: route(keys) for keys in sets}

    # -- identity ----------------------------------------------------------------------------

    def _rearrange(
        self,
        resolved: Resolved,
        event_of: dict[Keys, First],
        reason: str = "",
        now_us: int = 0,
    ) -> Rearrangement:
        """Save what identifiers became; take back the events of leads that are torn."""
        change = rearrangement(resolved, self._identities.resolver)
        if change.torn:
            held = self._identities.keys_of(sorted(change.torn))
            self._taken = event_log.read_homes(self._connection, held)
            self._identities.know(a.known.keys for _, a in self._taken)
        self._identities.save(resolved, {keys: a.key for keys, a in event_of.items()})
        record(self._connection, resolved, change, event_of, (reason, now_us))
        return change

    # -- states ------------------------------------------------------------------------------

    def _apply(self, change: Rearrangement, told: EventColumns, homes: Mapping[Keys, str]) -> None:
        again = self._send_home()
        taken = arrivals([a for _, a in self._taken], self._matcher)
        leads = self._identities.resolver.leads
        lead_of = {keys: leads[home] for keys, home in {**homes, **again}.items()}
        self._load(change, sorted(set(lead_of.values())))
        self._fold(joined([taken, told]) if taken.keys else told, lead_of)
        self._recount |= {self._rows[lead_of[keys]].account for keys in again}
        hollow = [lead for lead, row in self._rows.items() if not row.state[COUNT]]
        for lead in hollow:
            del self._rows[lead]
        gone = sorted({*hollow, *(change.ended.keys() - self._rows.keys())})
        self._states.save(self._connection, list(self._rows.values()))
        self._states.remove(self._connection, gone)
        sums = self._save_accounts(len(taken.keys), len(taken.keys) + len(told.keys))
        version = generation(self._connection) + 1
        for kind, entities in ((ACCOUNT, sums), (LEAD, self._rows), (ENDED, gone)):
            announce(self._connection, kind, entities, version)

    def _send_home(self) -> dict[Keys, str]:
        """The homes now of the events that were taken back; the log is told of new ones."""
        homes = self._homes({a.known.keys for _, a in self._taken})
        moved = [
            (a.sequence, before, now)
            for before, a in self._taken
            if (now := home_of(homes[a.known.keys])) != before
        ]
        event_index.rehome(self._connection, moved)
        return homes

    def _load(self, change: Rearrangement, lead_of: Sequence[str]) -> None:
        """Load the stored leads that are touched, those that end as parts of what they become."""
        wanted = {*lead_of, *change.torn, *change.ended, *change.ended.values()}
        for part in self._states.load(self._connection, sorted(wanted)):
            if part.lead_id in change.torn:
                self._recount.add(part.account)
                self._rows.setdefault(part.lead_id, self._new(part.lead_id))
            else:
                self._add_part(change.ended.get(part.lead_id, part.lead_id), part)
        for lead in lead_of:
            if lead not in self._rows:
                self._rows[lead] = self._new(lead)

    def _add_part(self, lead: str, part: LeadRow) -> None:
        self._parts.setdefault(lead, []).append((part.account, part.state))
        row = self._rows.get(lead)
        if row is None:
            part.lead_id = lead
            self._rows[lead] = part
            return
        s = self._states
        row.state = row.state.copy()
        state_kernels.merge_into(row.state, part.state, s.half_lives, s.layout.families)
        row.account = smaller(row.account, part.account)
        row.known_us = max(row.known_us, part.known_us)
        row.texts = [max(mine, other) for mine, other in zip(row.texts, part.texts, strict=True)]

    def _new(self, lead: str) -> LeadRow:
        s = self._states
        return LeadRow(lead, "", 0, np.zeros(s.layout.width), s.texts)

    def _fold(self, told: EventColumns, lead_of: Mapping[Keys, str]) -> None:
        """Fold the events into their leads."""
        rows = self._order = list(self._rows.values())
        if not told.keys:
            return
        at = {lead: i for i, lead in enumerate(self._rows)}
        row_of = {keys: at[lead] for keys, lead in lead_of.items()}
        index = np.array([row_of[keys] for keys in told.sets], dtype=np.int64)
        named = zip(told.sets, told.accounts, strict=True)
        for keys, account in {told for told in named if told[1]}:
            row = rows[row_of[keys]]
            row.account = smaller(row.account, account)
        known = np.array([row.known_us for row in rows], dtype=np.int64)
        np.maximum.at(known, index, told.known_us)
        self._write_texts(told, index)
        self._events = told.events._replace(rows=index)
        matrix = np.array([row.state for row in rows])
        state_kernels.fold(matrix, self._events, 0, len(index), self._states.half_lives)
        for row, state, known_us in zip(rows, matrix, known.tolist(), strict=True):
            row.state, row.known_us = state, known_us

    def _write_texts(self, told: EventColumns, index: Index) -> None:
        times, ties = told.events.times, told.events.ties
        for event, attribute, value in told.texts:
            texts = self._order[index[event]].texts
            written = (float(times[event]), float(ties[event]), value)
            texts[attribute] = max(texts[attribute], written)

    # -- accounts ----------------------------------------------------------------------------

    def _save_accounts(self, begin: int, end: int) -> dict[str, Vector]:
        """Accounts touched: events `begin` to `end` folded in, or summed anew where one left."""
        joining: dict[str, list[Vector]] = {}
        for row in self._rows.values():
            for account, state in self._parts.get(row.lead_id, ()):
                if account != row.account:
                    self._recount.add(account)
                    joining.setdefault(row.account, []).append(state)
        self._recount.discard("")
        touched = sorted({row.account for row in self._rows.values()} - self._recount - {""})
        sums = self._fold_accounts(touched, joining, begin, end)
        s = self._states
        sums.update((a, s.sum_members(self._connection, a)) for a in sorted(self._recount))
        s.save_accounts(self._connection, sums)
        return sums

    def _fold_accounts(
        self, touched: Sequence[str], joining: dict[str, list[Vector]], begin: int, end: int
    ) -> dict[str, Vector]:
        s = self._states
        matrix = empty(s.layout, len(touched) + 1)  # the last row takes what has no account here
        at = {account: i for i, account in enumerate(touched)}
        for account, state in s.accounts(self._connection, touched).items():
            matrix[at[account]] = state
        for account, i in at.items():
            for state in joining.get(account, ()):
                state_kernels.merge_into(matrix[i], state, s.half_lives, s.layout.families)
        row_of = [at.get(row.account, len(touched)) for row in self._order]
        if end > begin:
            rows = np.array(row_of, dtype=np.int64)[self._events.rows]
            own = self._events._replace(rows=rows)
            state_kernels.fold(matrix, own, begin, end, s.half_lives)
        return {account: matrix[i] for account, i in at.items()}


def record(
    connection: Connection,
    resolved: Resolved,
    change: Rearrangement,
    event_of: dict[Keys, First],
    decided: tuple[str, int],
) -> None:
    """Write which leads became part of which, and why; `decided`: a person's reason and when."""
    latest = max((a.known_us for a in event_of.values()), default=decided[1])
    rows = []
    for before, after in sorted({(m.before, m.after) for m in resolved.moves if m.before}):
        told = change.why.get(before) or change.why.get(after) or decided[0]
        event = None if isinstance(told, str) else event_of.get(told)
        rows.append(
            {
                "lead_id": before,
                "into_lead": after,
                "known_us": event.known_us if event else latest,
                "event_key": event.key if event else "",
                "reason": told if isinstance(told, str) or not event else _said(event, told),
            }
        )
    if rows:
        connection.execute(insert(changes), rows)


def _said(event: First, keys: Keys) -> str:
    return f"{len(keys)} identifiers on one {event.type} event"


def smaller(a: str, b: str) -> str:
    """The smaller of two account keys, where "" is none."""
    return min(a, b) if a and b else a or b
