"""Identifiers made comparable: normalised, then digested to keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from domain.errors import BadSignal
from domain.identifiers import (
    ACCOUNT_KIND,
    MAILBOX,
    NAME_KIND,
    PLACEHOLDER,
    STRENGTH,
    AccountId,
    IdentifierKey,
    IdentifierKind,
    account_id,
    email_key,
    identifier_key,
    named_key,
    nameless_key,
)
from signals.identifiers.email_addresses import company_of_domain, read_address
from signals.identifiers.invented_values import stands_for_nothing
from signals.identifiers.left_out import LeftOut
from signals.identifiers.person_names import name_tokens
from signals.identifiers.phone_numbers import read_phone
from signals.identifiers.placeholders import is_called_like, is_invented, is_mailbox
from signals.identifiers.rules import IdentityRules

MOST = 48
"""Identifiers on one event: who sends more sends a list, and all pairs of them would be linked."""
LONGEST = 512
"""Characters of one identifier."""
_REMEMBERED, _SMALL = 1 << 15, 320
"""Sets of identifiers that are remembered, and the characters that one may have in all.

Together with their keys that is at most some 60 MB, a third of it where people write ASCII.
"""
_RECORDS = frozenset(
    f"{STRENGTH[kind]:x}" for kind in (IdentifierKind.CRM_ID, IdentifierKind.USER_ID)
)


@dataclass(frozen=True, slots=True)
class EventIdentifiers:
    """An event's identifiers as keys, and the account they point to.

    `account` sorts: a company's domain ("0…") before a CRM's account id ("1…"); "" is none.
    `left_out` are those that could not be read, beside others that could.
    """

    keys: tuple[IdentifierKey, ...]
    account: str
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False)


class IdentifierReader:
    """Reads identifiers by a home's rules. Safe for threads.

    An identifier that cannot be read is left out where another can: a telephone in the form of one
    town loses nobody whom an address names.
    """

    def __init__(self, rules: IdentityRules | None = None) -> None:
        self.rules = rules or IdentityRules()
        self._remembered: Callable[[_Set], EventIdentifiers] = lru_cache(maxsize=_REMEMBERED)(
            self._read_set
        )

    def read(self, identifiers: Mapping[str, object]) -> EventIdentifiers:
        """Normalise an event's identifiers. Raises BadSignal where none of them can be read."""
        pairs = tuple(identifiers.items())
        try:
            size = sum(map(len, identifiers.values()))  # type: ignore[arg-type]
            if size <= _SMALL and len(pairs) <= len(_KINDS):
                return self._remembered(pairs)
        except TypeError:  # a number, null, or a kind with several values
            pass
        return self._read_set(pairs)

    def _read_set(self, identifiers: "_Set") -> EventIdentifiers:
        pairs = [pair for kind, raw in identifiers for pair in _pairs(kind, raw)]
        if len(pairs) > MOST:
            raise BadSignal(
                f"more than {MOST} identifiers on one event", rule="too-many-identifiers"
            )
        identity = _Found()
        for kind, value in pairs:
            try:
                self._take(kind, value, identity)
            except BadSignal as bad:
                identity.refused.append((kind, bad))
        if not identity.keys:
            raise (
                identity.refused[0][1]
                if identity.refused
                else BadSignal(
                    "no identifier of a person, a browser or a device", rule="no-identifier"
                )
            )
        left_out = tuple(
            LeftOut(k if k in _KINDS else "other", b.rule) for k, b in identity.refused
        )
        return EventIdentifiers(identity.all_keys(), min(identity.accounts, default=""), left_out)

    def _take(self, kind: str, value: object, identity: "_Found") -> None:
        """Read one identifier. Raises BadSignal."""
        if kind not in _KINDS:
            known = ", ".join(_KINDS)
            raise BadSignal(
                f"unknown kind of identifier, must be one of {known}", rule="identifier-kind"
            )
        if not isinstance(value, str | None):
            raise BadSignal(f"{kind} is not a text", rule="identifier-type")
        text = (value or "").strip()
        if not text:
            raise BadSignal(f"{kind} is empty", rule="identifier-empty")
        if len(text) > LONGEST:
            raise BadSignal(f"{kind} is longer than {LONGEST}", rule="identifier-length")
        match kind:
            case "account_id":
                if not stands_for_nothing(text):
                    identity.accounts.append("1" + account_id(text))
            case "name":
                identity.names.append(text)
            case "email":
                self._email(text, identity)
            case "phone":
                identity.keys.add(self._phone(text, identity))
            case _:
                nothing = stands_for_nothing(text)
                key = (
                    nameless_key(PLACEHOLDER, kind, text) if nothing else identifier_key(kind, text)
                )
                identity.keys.add(key)

    def _email(self, text: str, identity: "_Found") -> None:
        """Key and account of an address."""
        local, domain, registrable = read_address(_message("email", text))
        address = f"{local}@{domain}"
        if is_invented(local, registrable or domain):
            identity.keys.add(nameless_key(PLACEHOLDER, "email", address))
            return
        company = company_of_domain(domain, registrable, self.rules.consumers)
        if company:
            identity.accounts.append("0" + account_id(company))
        if is_mailbox(local, self.rules.mailbox_names) or is_called_like(
            local, registrable or domain
        ):
            identity.keys.add(nameless_key(MAILBOX, "email", address))
        else:
            key = email_key(address, company)
            identity.keys.add(key)
            identity.hubs.append(key)

    def _phone(self, text: str, identity: "_Found") -> IdentifierKey:
        number, made_up = read_phone(_message("phone", text), self.rules.phone_region)
        if made_up:
            return nameless_key(PLACEHOLDER, "phone", number)
        key = identifier_key("phone", number)
        identity.hubs.append(key)
        return key


class _Found:
    """What was read of an event's identifiers so far; `hubs` may be used under several names."""

    def __init__(self) -> None:
        self.keys: set[IdentifierKey] = set()
        self.accounts: list[str] = []
        self.names: list[str] = []
        self.hubs: list[IdentifierKey] = []
        self.refused: list[tuple[str, BadSignal]] = []

    def all_keys(self) -> tuple[IdentifierKey, ...]:
        """The keys, ascending; with a record's name, its address and telephone under that name."""
        if self.names and self.hubs and any(key[0] in _RECORDS for key in self.keys):
            name, tokens = name_tokens(self.names)
            if name:
                self.keys.update(named_key(hub, name, tokens) for hub in self.hubs)
        return tuple(sorted(self.keys))


_Set = tuple[tuple[str, object], ...]
_KINDS = (*map(str, STRENGTH), ACCOUNT_KIND, NAME_KIND)


def _pairs(kind: str, raw: object) -> list[tuple[str, object]]:
    """A kind's values; of an event with too many, enough to see that."""
    if isinstance(raw, list | tuple):
        return [(kind, value) for value in raw[: MOST + 1]]
    return [(kind, raw)]


def _message(kind: str, text: str) -> str:
    """The text, if it says anything. Raises BadSignal."""
    if "@" not in text and stands_for_nothing(text):
        raise BadSignal(f"{kind} says that there is none", rule="identifier-placeholder")
    return text


read_identifiers = IdentifierReader().read
"""Identifiers by the rules that come with the product."""


def account_of(account: str) -> AccountId:
    """The account id of a `EventIdentifiers.account`."""
    return AccountId(account[1:])
