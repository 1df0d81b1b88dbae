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
        self._moved: list[tuple[int, ValidEvent]] = []
        self._order: list[LeadRow] = []

    def add(self, fresh: EventColumns) -> None:
        """Log events that are not in the log yet, and apply them."""
        sets = set(fresh.sets)
        resolved = self._identities.resolver.add(sets)
        first_events = first_of_each(fresh) if resolved.links or resolved.moves else {}
        change = self._rearrange(resolved, first_events)
        homes = self._homes(sets)
        event_log.append(self._connection, fresh, homes)
        self._apply(change, fresh, homes)

    def separate(self, seeds: Set[str], reason: str, now_us: int) -> None:
        """Decide again about identifiers whose sides have changed."""
        resolved = self._identities.resolver.resolve(seeds)
        change = self._rearrange(resolved, {}, reason, now_us)
        self._apply(change, arrivals((), self._matcher), {})

    def count(self, logged: Sequence[ValidEvent]) -> None:
        """Apply logged events whose identifiers are resolved already."""
        columns = arrivals(logged, self._matcher)
        sets = set(columns.sets)
        self._identities.know(sets)
        self._apply(Rearrangement({}, set(), {}), columns, self._homes(sets))

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
        """Save the identifiers' changes; take back the events of torn leads."""
        change = rearrangement(resolved, self._identities.resolver)
        if change.torn:
            torn_keys = self._identities.keys_of(sorted(change.torn))
            self._moved = event_log.read_homes(self._connection, torn_keys)
            self._identities.know(a.known.keys for _, a in self._moved)
        self._identities.save(resolved, {keys: a.key for keys, a in event_of.items()})
        record(self._connection, resolved, change, event_of, (reason, now_us))
        return change

    # -- states ------------------------------------------------------------------------------

    def _apply(
        self, change: Rearrangement, columns: EventColumns, homes: Mapping[Keys, str]
    ) -> None:
        again = self._send_home()
        moved = arrivals([a for _, a in self._moved], self._matcher)
        leads = self._identities.resolver.leads
        lead_of = {keys: leads[home] for keys, home in {**homes, **again}.items()}
        self._load(change, sorted(set(lead_of.values())))
        self._fold(joined([moved, columns]) if moved.keys else columns, lead_of)
        self._recount |= {self._rows[lead_of[keys]].account for keys in again}
        hollow = [lead for lead, row in self._rows.items() if not row.state[COUNT]]
        for lead in hollow:
            del self._rows[lead]
        removed = sorted({*hollow, *(change.ended.keys() - self._rows.keys())})
        self._states.save(self._connection, list(self._rows.values()))
        self._states.remove(self._connection, removed)
        sums = self._save_accounts(len(moved.keys), len(moved.keys) + len(columns.keys))
        version = generation(self._connection) + 1
        for kind, entities in ((ACCOUNT, sums), (LEAD, self._rows), (ENDED, removed)):
            announce(self._connection, kind, entities, version)

    def _send_home(self) -> dict[Keys, str]:
        """The present homes of the events taken back; new ones are recorded in the log."""
        homes = self._homes({a.known.keys for _, a in self._moved})
        moved = [
            (a.sequence, before, now)
            for before, a in self._moved
            if (now := home_of(homes[a.known.keys])) != before
        ]
        event_index.rehome(self._connection, moved)
        return homes

    def _load(self, change: Rearrangement, lead_of: Sequence[str]) -> None:
        """Load the stored leads that are touched, and those that end in one of them."""
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

    def _fold(self, columns: EventColumns, lead_of: Mapping[Keys, str]) -> None:
        """Fold the events into their leads."""
        rows = self._order = list(self._rows.values())
        if not columns.keys:
            return
        at = {lead: i for i, lead in enumerate(self._rows)}
        row_of = {keys: at[lead] for keys, lead in lead_of.items()}
        index = np.array([row_of[keys] for keys in columns.sets], dtype=np.int64)
        named = zip(columns.sets, columns.accounts, strict=True)
        for keys, account in {columns for columns in named if columns[1]}:
            row = rows[row_of[keys]]
            row.account = smaller(row.account, account)
        known = np.array([row.known_us for row in rows], dtype=np.int64)
        np.maximum.at(known, index, columns.known_us)
        self._write_texts(columns, index)
        self._events = columns.events._replace(rows=index)
        matrix = np.array([row.state for row in rows])
        state_kernels.fold(matrix, self._events, 0, len(index), self._states.half_lives)
        for row, state, known_us in zip(rows, matrix, known.tolist(), strict=True):
            row.state, row.known_us = state, known_us

    def _write_texts(self, columns: EventColumns, index: Index) -> None:
        times, ties = columns.events.times, columns.events.ties
        for event, attribute, value in columns.texts:
            texts = self._order[index[event]].texts
            written = (float(times[event]), float(ties[event]), value)
            texts[attribute] = max(texts[attribute], written)

    # -- accounts ----------------------------------------------------------------------------

    def _save_accounts(self, begin: int, end: int) -> dict[str, Vector]:
        """Save touched accounts: events `begin` to `end` folded in, or summed again."""
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
        cause = change.why.get(before) or change.why.get(after) or decided[0]
        event = None if isinstance(cause, str) else event_of.get(cause)
        rows.append(
            {
                "lead_id": before,
                "into_lead": after,
                "known_us": event.known_us if event else latest,
                "event_key": event.key if event else "",
                "reason": cause if isinstance(cause, str) or not event else _message(event, cause),
            }
        )
    if rows:
        connection.execute(insert(changes), rows)


def _message(event: First, keys: Keys) -> str:
    return f"{len(keys)} identifiers on one {event.type} event"


def smaller(a: str, b: str) -> str:
    """The smaller of two account keys, where "" is none."""
    return min(a, b) if a and b else a or b
