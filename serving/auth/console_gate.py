"""The console's gate: the service's own keys, tokens and trust in this machine, for a browser."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from starlette.types import Scope as Request

from config.settings import Settings
from console.frame.visitor import ADMIN, NotAdmitted, Visitor
from serving.auth.api_key_store import open_keys
from serving.auth.api_keys import SECRET_BYTES
from serving.auth.caller import HERE, TOKEN, AccessRefusal, Caller, credential_of
from serving.auth.console_sessions import ConsoleSession, ConsoleSessions, open_sessions
from serving.auth.credentials import Credentials
from serving.auth.loopback import made_here
from serving.auth.rate_limit import RateLimiter
from serving.problems import RateLimited

_HERE = Visitor(by=HERE, credential="", scopes=frozenset({ADMIN}))
"""This machine's: it may look at all, and what it did would be nobody's."""


class OwnerLink:
    """The address that logs the person in who started the console: it is good once.

    Other accounts of this machine reach its port too, and do not see the word.
    """

    def __init__(self, by: str, credential: str) -> None:
        self.visitor = Visitor(by=by, credential=credential, scopes=frozenset({ADMIN}))
        self.word = secrets.token_urlsafe(SECRET_BYTES)
        self._session = ""
        self._lock = Lock()

    def enter(self, word: str) -> str | None:
        """The session of who has the word; None for a wrong one, and the second time."""
        with self._lock:
            if self._session or not secrets.compare_digest(word.encode(), self.word.encode()):
                return None
            self._session = secrets.token_urlsafe(SECRET_BYTES)
            return self._session

    def holds(self, session: str) -> bool:
        """Whether a session is the owner's."""
        own = self._session
        return bool(own) and secrets.compare_digest(session.encode(), own.encode())

    def leave(self) -> str:
        """End the session; the word of a new address."""
        with self._lock:
            self._session, self.word = "", secrets.token_urlsafe(SECRET_BYTES)
            return self.word


@dataclass(frozen=True, slots=True)
class EntryRules:
    """How a gate lets in: as `AccessMiddleware` does, and by whose one-time address."""

    open_here: bool
    rate: RateLimiter
    count: Callable[[AccessRefusal], None]
    owner: OwnerLink | None = None


class ServiceGate:
    """Satisfies `console.frame.visitor.ConsoleGate`. Safe to use from several threads."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        rules: EntryRules,
        sessions: ConsoleSessions | None = None,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._rules = rules
        self._sessions = sessions or open_sessions(settings)
        self._lock = Lock()

    def visitor(self, request: Request, session: str | None) -> Visitor | None:
        """Who asks. Raises Unavailable, RateLimited."""
        visitor = self._of_session(session) if session else None
        if visitor is None and self._rules.open_here and made_here(_own(request)):
            visitor = _HERE
        client = request.get("client")
        self._pace(visitor.credential if visitor else str(client[0]) if client else "")
        return visitor

    def enter(self, sent: str) -> str:
        """A session for a key or a token. Raises NotAdmitted, RateLimited, Unavailable."""
        self._pace("console login")
        caller = self._credentials.check(sent)
        if caller is AccessRefusal.UNKNOWN_KEY:  # it may have been made a moment ago
            self._credentials.keys.look_again()
            caller = self._credentials.check(sent)
        if caller is AccessRefusal.UNKNOWN_SIGNER and self._credentials.tokens is not None:
            self._credentials.tokens.look_again()
            caller = self._credentials.check(sent)
        if isinstance(caller, AccessRefusal):
            self._rules.count(caller)
            raise _wrong()
        if not caller.is_named():
            self._rules.count(AccessRefusal.SCOPE)
            raise _wrong()
        session = ConsoleSession(
            caller_id=caller.caller_id, by=self._name(caller), scopes=frozenset(caller.scopes)
        )
        return self._sessions.begin(session, caller.until_s)

    def enter_by_link(self, sent: str) -> str:
        """The owner's session, once. Raises NotAdmitted, RateLimited."""
        self._pace("console login")
        session = self._rules.owner.enter(sent) if self._rules.owner else None
        if session is None:
            self._rules.count(AccessRefusal.WRONG_SECRET)
            raise NotAdmitted(
                "This address was used already, or is not this console's",
                rule="console-login",
                todo="Start `leadscore console` anew, or log in with a key.",
            )
        return session

    def leave(self, session: str) -> None:
        """End a session. Raises Unavailable."""
        owner = self._rules.owner
        if owner is not None and owner.holds(session):
            owner.leave()
        else:
            self._sessions.end(session)

    def _of_session(self, word: str) -> Visitor | None:
        owner = self._rules.owner
        if owner is not None and owner.holds(word):
            return owner.visitor
        session = self._sessions.get(word)
        if session is None:
            return None
        scopes = session.scopes
        if not session.caller_id.startswith(TOKEN):
            caller = self._credentials.keys.known(session.caller_id)
            if isinstance(caller, AccessRefusal):
                self._rules.count(caller)
                return None
            scopes = frozenset(caller.scopes)
        return Visitor(by=session.by, credential=credential_of(session.caller_id), scopes=scopes)

    def _name(self, caller: Caller) -> str:
        """What the ledger calls a caller: a key by its name, a token by its hashed subject."""
        if caller.caller_id.startswith(TOKEN):
            return caller.caller_id
        store = open_keys(self._settings)
        try:
            return store.get(caller.caller_id).name
        finally:
            store.close()

    def _pace(self, who: str) -> None:
        with self._lock:
            wait_s = self._rules.rate.wait_s(who)
        if wait_s:
            self._rules.count(AccessRefusal.RATE)
            raise RateLimited(
                "Too many pages at once",
                rule="rate",
                todo=f"Try again in {wait_s} s.",
                retry_after_s=wait_s,
            )


def _own(request: Request) -> Request:
    """A request without the origin that a form of this very address names."""
    headers = request["headers"]
    hosts = {value for name, value in headers if name == b"host"}
    kept = [
        (name, value)
        for name, value in headers
        if name != b"origin" or value.partition(b"://")[2] not in hosts
    ]
    return {**request, "headers": kept}


def _wrong() -> NotAdmitted:
    return NotAdmitted(
        "This key or token is wrong, expired or revoked, or a token of nobody",
        rule="console-login",
        todo="`leadscore keys list` shows which keys are good.",
    )
