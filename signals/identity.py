"""Who is who: identifiers made comparable, and the leads that they join.

Two identifiers on one event belong to one lead. A lead is a connected component of that relation,
so the partition depends on the set of events alone. Its id is made from its smallest key, which
belongs to its strongest identifier: also a function of the set alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
import tldextract
from email_validator import EmailNotValidError, validate_email

from domain.errors import BadSignal
from domain.identifiers import (
    ACCOUNT_KIND,
    STRENGTH,
    AccountId,
    IdentifierKey,
    LeadId,
    account_id,
    identifier_key,
    lead_id,
)
from signals.free_mail import FREE_MAIL

_split_domain = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@dataclass(frozen=True, slots=True)
class Known:
    """An event's identifiers as keys, and the account they point to.

    `account` sorts: a company's domain ("0…") before a CRM's account id ("1…"); "" is none.
    """

    keys: tuple[IdentifierKey, ...]
    account: str


def read_identifiers(identifiers: Mapping[str, str | list[str]]) -> Known:
    """Normalise an event's identifiers. Raises BadSignal on an unknown kind or a bad value."""
    keys: set[IdentifierKey] = set()
    accounts: list[str] = []
    for kind, held in identifiers.items():
        for value in [held] if isinstance(held, str) else held:
            if kind == ACCOUNT_KIND:
                accounts.append("1" + account_id(value.strip()))
                continue
            key, account = _read(kind, value)
            keys.add(key)
            if account:
                accounts.append(account)
    if not keys:
        raise BadSignal("no identifier of a person, a browser or a device", rule="no-identifier")
    return Known(tuple(sorted(keys)), min(accounts, default=""))


def account_of(account: str) -> AccountId:
    """The account id of a `Known.account`."""
    return AccountId(account[1:])


@lru_cache(maxsize=1 << 16)
def _read(kind: str, value: str) -> tuple[IdentifierKey, str]:
    if kind not in STRENGTH:
        raise BadSignal(
            f"unknown kind of identifier, must be one of {', '.join([*STRENGTH, ACCOUNT_KIND])}",
            rule="identifier-kind",
        )
    if kind == "email":
        return _read_email(value)
    text = _phone(value) if kind == "phone" else value.strip()
    if not text:
        raise BadSignal(f"{kind} is empty", rule="identifier-empty")
    return identifier_key(kind, text), ""


def _read_email(value: str) -> tuple[IdentifierKey, str]:
    try:
        parsed = validate_email(value.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise BadSignal("not an e-mail address", rule="identifier-email") from None
    domain = _split_domain(parsed.ascii_domain or parsed.domain).top_domain_under_public_suffix
    company = "" if domain in FREE_MAIL or not domain else "0" + account_id(domain)
    return identifier_key("email", parsed.normalized.lower()), company


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise BadSignal("not an international phone number such as +49…", rule="identifier-phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True)
class Joined:
    """What an event did to the partition: its lead, and the leads that ended in it."""

    lead: LeadId
    ended: tuple[LeadId, ...]
    created: bool


class Partition:
    """Leads by identifier key, in memory: load what a batch touches, then add its events."""

    def __init__(self) -> None:
        self.lead_of: dict[str, LeadId] = {}
        self.forward: dict[LeadId, LeadId] = {}

    def load(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take in stored (key, lead) pairs."""
        self.lead_of.update((key, LeadId(lead)) for key, lead in rows)

    def add(self, keys: tuple[IdentifierKey, ...]) -> Joined:
        """Join the identifiers of one event.

        The lead keeps the smallest name of all its keys, so a name that ended never comes back.
        """
        held = {self.resolve(lead) for key in keys if (lead := self.lead_of.get(key)) is not None}
        name = min([*held, lead_id(keys[0])])
        ended = tuple(sorted(held - {name}))
        for old in ended:
            self.forward[old] = name
        for key in keys:
            self.lead_of[key] = name
        return Joined(name, ended, created=not held)

    def resolve(self, lead: LeadId) -> LeadId:
        """The lead that an id, current or ended here, stands for."""
        found = lead
        while found in self.forward:
            found = self.forward[found]
        if found != lead:
            self.forward[lead] = found
        return found
