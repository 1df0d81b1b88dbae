"""One transaction's work on leads and accounts: resolve, fold, save."""

from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import Connection, insert

from domain.state import COUNT, Vector, empty
from signals import kernel, log
from signals.identities import Identities
from signals.matching import Columns, Matcher
from signals.outbox import ACCOUNT, ENDED, LEAD, announce
from signals.reading import Accepted
from signals.rearranging import Rearrangement, rearrangement
from signals.resolution import Keys, Resolved
from signals.schema import changes
from signals.states import NO_TEXT, LeadRow, StateStore


class Batch:
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
        self._columns = Columns()
        self._taken: list[tuple[int, int, Accepted]] = []
        self._order: list[LeadRow] = []

    def add(self, fresh: Sequence[Accepted]) -> None:
        """Log events that the log does not hold, and make them count."""
        resolver = self._identities.resolver
        resolved = resolver.add({a.known.keys for a in fresh})
        change = self._rearrange(resolved, {a.known.keys: a for a in reversed(fresh)})
        homes = [resolver.route(a.known.keys) for a in fresh]
        log.append(self._connection, fresh, homes)
        self._apply(change, fresh, homes)

    def separate(self, seeds: Iterable[str], reason: str, now_us: int) -> None:
        """Decide anew about identifiers whose sides have changed."""
        resolved = self._identities.resolver.resolve(seeds)
        self._apply(self._rearrange(resolved, {}, reason, now_us), [], [])

    def count(self, logged: Sequence[Accepted]) -> None:
        """Make logged events count, whose identifiers are resolved already."""
        self._identities.know(a.known.keys for a in logged)
        homes = [self._identities.resolver.route(a.known.keys) for a in logged]
        self._apply(Rearrangement({}, set(), {}), logged, homes)

    # -- identity ----------------------------------------------------------------------------

    def _rearrange(
        self,
        resolved: Resolved,
        event_of: dict[Keys, Accepted],
        reason: str = "",
        now_us: int = 0,
    ) -> Rearrangement:
        """Save what identifiers became; take back the events of leads that are torn."""
        change = rearrangement(resolved, self._identities.resolver)
        if change.torn:
            held = self._identities.keys_of(sorted(change.torn))
            self._taken = log.read_homes(self._connection, held)
        self._identities.save(resolved, {keys: a.key for keys, a in event_of.items()})
        record(self._connection, resolved, change, event_of, (reason, now_us))
        return change

    # -- states ------------------------------------------------------------------------------

    def _apply(self, change: Rearrangement, told: Sequence[Accepted], homes: list[str]) -> None:
        again = self._send_home()
        leads = self._identities.resolver.leads
        lead_of = [leads[home] for home in again + homes]
        self._load(change, lead_of)
        self._fold([*(a for _, _, a in self._taken), *told], lead_of)
        self._recount |= {self._rows[lead].account for lead in lead_of[: len(again)]}
        hollow = [lead for lead, row in self._rows.items() if not row.state[COUNT]]
        for lead in hollow:
            del self._rows[lead]
        gone = sorted({*hollow, *(change.ended.keys() - self._rows.keys())})
        self._states.save(self._connection, list(self._rows.values()))
        self._states.remove(self._connection, gone)
        self._save_accounts(len(again), len(lead_of))
        announce(self._connection, LEAD, self._rows)
        announce(self._connection, ENDED, gone)

    def _send_home(self) -> list[str]:
        """The homes now of the events that were taken back; the log is told of new ones."""
        homes = [self._identities.resolver.route(a.known.keys) for _, _, a in self._taken]
        moved = [
            (sequence, log.home_of(home))
            for (sequence, before, _), home in zip(self._taken, homes, strict=True)
            if log.home_of(home) != before
        ]
        log.rehome(self._connection, moved)
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
        kernel.merge_into(row.state, part.state, s.half_lives, s.layout.families)
        row.account = smaller(row.account, part.account)
        row.known_us = max(row.known_us, part.known_us)
        row.texts = [max(mine, other) for mine, other in zip(row.texts, part.texts, strict=True)]

    def _new(self, lead: str) -> LeadRow:
        s = self._states
        return LeadRow(lead, "", 0, np.zeros(s.layout.width), [NO_TEXT] * s.texts)

    def _fold(self, told: Sequence[Accepted], lead_of: Sequence[str]) -> None:
        """Fold the events into their leads."""
        at = {lead: i for i, lead in enumerate(self._rows)}
        rows, c, add = list(self._rows.values()), self._columns, self._matcher.add
        for a, lead in zip(told, lead_of, strict=True):
            row = rows[at[lead]]
            if a.known.account:
                row.account = smaller(row.account, a.known.account)
            row.known_us = max(row.known_us, a.known_us)
            add(a, at[lead], c)
        for event, attribute, value in c.texts:
            texts = rows[c.rows[event]].texts
            texts[attribute] = max(texts[attribute], (c.times[event], c.ties[event], value))
        if rows:
            matrix = np.array([row.state for row in rows])
            kernel.fold(matrix, c.events(), 0, len(told), self._states.half_lives)
            for row, state in zip(rows, matrix, strict=True):
                row.state = state
        self._order = rows

    # -- accounts ----------------------------------------------------------------------------

    def _save_accounts(self, begin: int, end: int) -> None:
        """Fold events `begin` to `end` into accounts; sum anew those that somebody left."""
        joined: dict[str, list[Vector]] = {}
        for row in self._rows.values():
            for account, state in self._parts.get(row.lead_id, ()):
                if account != row.account:
                    self._recount.add(account)
                    joined.setdefault(row.account, []).append(state)
        self._recount.discard("")
        touched = sorted({row.account for row in self._rows.values()} - self._recount - {""})
        sums = self._fold_accounts(touched, joined, begin, end)
        s = self._states
        sums.update((a, s.sum_members(self._connection, a)) for a in sorted(self._recount))
        s.save_accounts(self._connection, sums)
        announce(self._connection, ACCOUNT, sums)

    def _fold_accounts(
        self, touched: Sequence[str], joined: dict[str, list[Vector]], begin: int, end: int
    ) -> dict[str, Vector]:
        s = self._states
        matrix = empty(s.layout, len(touched) + 1)  # the last row takes what has no account here
        at = {account: i for i, account in enumerate(touched)}
        for account, state in s.accounts(self._connection, touched).items():
            matrix[at[account]] = state
        for account, i in at.items():
            for state in joined.get(account, ()):
                kernel.merge_into(matrix[i], state, s.half_lives, s.layout.families)
        row_of = [at.get(row.account, len(touched)) for row in self._order]
        folded = self._columns.events()
        if end > begin:
            own = folded._replace(rows=np.array(row_of, dtype=np.int64)[folded.rows])
            kernel.fold(matrix, own, begin, end, s.half_lives)
        return {account: matrix[i] for account, i in at.items()}


def record(
    connection: Connection,
    resolved: Resolved,
    change: Rearrangement,
    event_of: dict[Keys, Accepted],
    decided: tuple[str, int],
) -> None:
    """Write which leads became part of which, and why; `decided`: a person's reason and when."""
    latest = max((a.known_us for a in event_of.values()), default=decided[1])
    rows = []
    for before, after in sorted({(m.before, m.after) for m in resolved.moves if m.before}):
        told = change.why.get(before) or change.why.get(after) or decided[0]
        event = event_of.get(told) if isinstance(told, tuple) else None
        rows.append(
            {
                "lead_id": before,
                "into_lead": after,
                "known_us": event.known_us if event else latest,
                "event_key": event.key if event else "",
                "reason": _said(event) if event else str(told),
            }
        )
    if rows:
        connection.execute(insert(changes), rows)


def _said(event: Accepted) -> str:
    return f"{len(event.known.keys)} identifiers on one {event.signal.type} event"


def smaller(a: str, b: str) -> str:
    """The smaller of two account keys, where "" is none."""
    return min(a, b) if a and b else a or b
