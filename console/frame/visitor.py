"""Who looks at the console, what they may, and the port by which they are let in."""

from typing import Protocol

import msgspec
from starlette.types import Scope as Request

from domain.errors import Refused

ADMIN = "admin"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `by` and `credential` stand in the ledger; the latter is "" for nobody in person.

    `scopes` are those of API keys; `admin` includes all others.
    """

    by: str
    credential: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes or ADMIN in self.scopes

    @property
    def named(self) -> bool:
        """Whether what it does can be recorded as done by somebody."""
        return bool(self.credential)


class NotAdmitted(Refused):
    """Nobody is logged in, and somebody must be."""


class NotAllowed(Refused):
    """A visitor that may not do this, or a form that is not from a page of the console."""


class ConsoleGate(Protocol):
    """Lets visitors in. Every call may block, and raise Unavailable."""

    def visitor(self, request: Request, session: str | None) -> Visitor | None:
        """Who asks, by the session that its cookie names; None for nobody.

        Raises Unavailable; Refused where it asks too often.
        """
        ...

    def enter(self, sent: str) -> str:
        """A new session for a key or a token. Raises NotAdmitted."""
        ...

    def enter_by_link(self, sent: str) -> str:
        """A new session for the one-time word of an address. Raises NotAdmitted."""
        ...

    def leave(self, session: str) -> None:
        """End a session; one that is none is passed over."""
        ...
