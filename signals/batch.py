"""One transaction's work on leads and accounts: resolve, fold, save."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, insert

from domain.identifiers import LeadId
from domain.state import Matrix, empty
from signals import kernel
from signals.identity import Partition
from signals.matching import Columns, Matcher, closing_namer
from signals.outbox import ACCOUNT, ENDED, LEAD, announce
from signals.reading import Accepted
from signals.schema import identifiers, merges
from signals.states import NO_TEXT, LeadRow, StateStore, upsert


class Batch:
    """The events of one transaction, and the leads and accounts that they touch."""

    def __init__(self, states: StateStore, matcher: Matcher, fresh: Sequence[Accepted]) -> None:
        self._states = states
        self._matcher = matcher
        self._outcome = closing_namer(states.definition)
        self._fresh = fresh
        self._partition = Partition()
        self._rows: dict[str, LeadRow] = {}
        self._counted: dict[str, set[str]] = {}
        self._columns = Columns()

    def commit(self, connection: Connection) -> None:
        """Do it all, inside the caller's transaction."""
        self._resolve(connection)
        self._fold()
        self._states.save(connection, list(self._rows.values()))
        self._save_accounts(connection)

    def _resolve(self, connection: Connection) -> None:
        """Join the identifiers; load the stored parts of every lead that is touched."""
        held = self._states.leads_of_keys(
            connection, {k for a in self._fresh for k in a.known.keys}
        )
        self._partition.load(held)
        joins = [join for a in self._fresh for join in self._join(a)]
        if joins:
            connection.execute(insert(merges), joins)
        before = dict(held)
        after = {k: self._partition.resolve(v) for k, v in self._partition.lead_of.items()}
        changed = [{"key": k, "lead_id": v} for k, v in after.items() if before.get(k) != v]
        upsert(connection, identifiers, changed)
        parts = self._states.load(connection, sorted({lead for _, lead in held}))
        for part in parts:
            self._add_part(part)
        ended = {p.lead_id: f for p in parts if (f := self._final(p.lead_id)) != p.lead_id}
        self._states.end(connection, ended)
        announce(connection, ENDED, ended)

    def _join(self, accepted: Accepted) -> list[dict[str, object]]:
        joined = self._partition.add(accepted.known.keys)
        reason = f"{len(accepted.known.keys)} identifiers on one {accepted.signal.type} event"
        return [
            {
                "lead_id": old,
                "into_lead": joined.lead,
                "known_us": accepted.signal.known_us(),
                "event_key": accepted.key,
                "reason": reason,
            }
            for old in joined.ended
        ]

    def _final(self, lead: str) -> str:
        return self._partition.resolve(LeadId(lead))

    def _add_part(self, part: LeadRow) -> None:
        final = self._final(part.lead_id)
        self._counted.setdefault(final, set()).add(part.account)
        row = self._rows.get(final)
        if row is None:
            self._rows[final] = LeadRow(
                final, part.account, part.known_us, part.state.copy(), list(part.texts)
            )
            return
        s = self._states
        kernel.merge_into(row.state, part.state, s.half_lives, s.layout.families)
        row.account = smaller(row.account, part.account)
        row.known_us = max(row.known_us, part.known_us)
        row.texts = [max(mine, other) for mine, other in zip(row.texts, part.texts, strict=True)]

    def _fold(self) -> None:
        """Fold the events into their leads."""
        at: dict[str, int] = {lead: i for i, lead in enumerate(self._rows)}
        for a in self._fresh:
            lead = self._final(self._partition.lead_of[a.known.keys[0]])
            if lead not in at:
                at[lead] = len(at)
                self._rows[lead] = self._new(lead)
            self._note(self._rows[lead], a)
            self._matcher.add(a.signal, at[lead], self._columns)
        rows = list(self._rows.values())
        self._write_texts(rows)
        matrix = np.array([row.state for row in rows])
        kernel.fold(matrix, self._columns.events(), 0, len(self._fresh), self._states.half_lives)
        for row, state in zip(rows, matrix, strict=True):
            row.state = state

    def _new(self, lead: str) -> LeadRow:
        s = self._states
        return LeadRow(lead, "", 0, empty(s.layout, 1)[0], [NO_TEXT] * s.texts)

    def _note(self, row: LeadRow, accepted: Accepted) -> None:
        row.account = smaller(row.account, accepted.known.account)
        row.known_us = max(row.known_us, accepted.signal.known_us())

    def _write_texts(self, rows: Sequence[LeadRow]) -> None:
        c = self._columns
        for event, attribute, value in c.texts:
            texts = rows[c.rows[event]].texts
            texts[attribute] = max(texts[attribute], (c.times[event], c.ties[event], value))
        for event, a in enumerate(self._fresh):
            if outcome := self._outcome(a.signal.type):
                texts = rows[c.rows[event]].texts
                texts[-1] = max(texts[-1], (c.times[event], c.ties[event], outcome))

    def _save_accounts(self, connection: Connection) -> None:
        """Fold the events into accounts; sum those anew whose people changed otherwise."""
        rows = list(self._rows.values())
        moved = {
            account
            for row in rows
            if (was := self._counted.get(row.lead_id)) and was != {row.account}
            for account in (*was, row.account)
        }
        touched = {row.account for row in rows} - moved - {""}
        states = self._fold_accounts(connection, sorted(touched))
        states.update((a, self._states.sum_members(connection, a)) for a in moved if a)
        self._states.save_accounts(connection, states)
        announce(connection, LEAD, self._rows)
        announce(connection, ACCOUNT, states)

    def _fold_accounts(self, connection: Connection, touched: list[str]) -> dict[str, Matrix]:
        s = self._states
        matrix = empty(s.layout, len(touched) + 1)  # the last row takes what has no account here
        at = {account: i for i, account in enumerate(touched)}
        for account, state in s.accounts(connection, touched).items():
            matrix[at[account]] = state
        row_of = [at.get(row.account, len(touched)) for row in self._rows.values()]
        events = self._columns.events()
        moved = events._replace(rows=np.array(row_of, dtype=np.int64)[events.rows])
        kernel.fold(matrix, moved, 0, len(self._fresh), s.half_lives)
        return {account: matrix[i] for account, i in at.items()}


def smaller(a: str, b: str) -> str:
    """The smaller of two account keys, where "" is none."""
    return min(a, b) if a and b else a or b
