"""Accounts by the names that files gave them: for the person at the terminal, and no record."""

import json
import re

from sqlalchemy import Engine, select

from domain.identifiers import ACCOUNT_KIND, account_id
from domain.signals import decode
from signals.store.tables import events
from training.run import TrainingObserver

_ACCOUNT = re.compile(r"\bacct_[0-9a-f]{16}\b")
_SORTS = ("0", "1")
"""How an event's account is kept: a company's domain, or a CRM's account id."""


def name_of(engine: Engine, account: str) -> str | None:
    """The domain or account id that an event of the log gave an account; None where none did."""
    query = select(events.c.body).where(events.c.account.in_([s + account for s in _SORTS]))
    with engine.connect() as connection:
        body = connection.execute(query.limit(1)).scalar()
    return None if body is None else _named(decode(body).identifiers, account)


def _named(identifiers: dict[str, str | list[str]], account: str) -> str | None:
    for kind, values in identifiers.items():
        for value in [values] if isinstance(values, str) else values:
            for name in _names(kind, value.strip()):
                if account in (account_id(name), account_id(name.lower())):
                    return name
    return None


def _names(kind: str, value: str) -> list[str]:
    """What a value can call an account: itself, or a domain and each domain that it lies in.

    As the file spells them: a domain is one and the same in any case.
    """
    if kind == ACCOUNT_KIND:
        return [value]
    parts = value.rpartition("@")[2].split(".") if kind == "email" else []
    return [".".join(parts[at:]) for at in range(len(parts) - 1)]


class NamingProgress:
    """Progress messages with the names of accounts beside their ids."""

    def __init__(self, observer: TrainingObserver, engine: Engine) -> None:
        self._observer, self._engine = observer, engine
        self.phase, self.trial = observer.phase, observer.trial

    def warn(self, text: str) -> None:
        """Something about the data, with the names that the files have."""
        self._observer.warn(_ACCOUNT.sub(self._with_name, text))

    def _with_name(self, match: re.Match[str]) -> str:
        name = name_of(self._engine, match[0])
        quoted = json.dumps(name, ensure_ascii=False)  # as YAML takes it, be it `0042` or `No`
        return match[0] if name is None else f"{match[0]} ({quoted} in the files)"
