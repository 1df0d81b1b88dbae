"""Identifiers made comparable: normalised, then digested to keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
import tldextract
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from domain.errors import BadSignal
from domain.identifiers import (
    ACCOUNT_KIND,
    MAILBOX,
    PLACEHOLDER,
    STRENGTH,
    AccountId,
    IdentifierKey,
    account_id,
    email_key,
    identifier_key,
    nameless_key,
)
from signals.free_mail import FREE_MAIL
from signals.nobody import is_invented, is_mailbox, is_placeholder

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
    try:
        return _read_set(tuple(identifiers.items()))
    except TypeError:  # a kind with several values
        return _read_set(
            tuple((k, v if isinstance(v, str) else tuple(v)) for k, v in identifiers.items())
        )


@lru_cache(maxsize=1 << 16)
def _read_set(identifiers: tuple[tuple[str, str | tuple[str, ...]], ...]) -> Known:
    keys: set[IdentifierKey] = set()
    accounts: list[str] = []
    for kind, held in identifiers:
        for value in [held] if isinstance(held, str) else held:
            if kind == ACCOUNT_KIND:
                if not is_placeholder(value.strip()):
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
    if is_placeholder(text):
        return nameless_key(PLACEHOLDER, kind, text), ""
    return identifier_key(kind, text), ""


def _read_email(value: str) -> tuple[IdentifierKey, str]:
    """Key and account of an address; the library judges it, its domain once for all addresses."""
    given = value.strip()
    local, _, domain = given.lower().rpartition("@")
    if _PLAIN.fullmatch(local) and len(given) <= _LONGEST:
        address, host = f"{local}@{domain}", _read_domain(domain)
    else:
        parsed = _validated(given)
        address, local = parsed.normalized.lower(), parsed.local_part.lower()
        host = _read_domain(parsed.ascii_domain or parsed.domain)
    if is_invented(local, host):
        return nameless_key(PLACEHOLDER, "email", address), ""
    company = "" if host in FREE_MAIL else host
    account = "0" + account_id(company) if company else ""
    if is_mailbox(local):
        return nameless_key(MAILBOX, "email", address), account
    return email_key(address, company), account


_PLAIN = re.compile(r"[a-z0-9]+(?:[._+-][a-z0-9]+)*", re.ASCII)
"""Local parts that no rule could refuse or change, up to their length."""
_LONGEST = 64


@lru_cache(maxsize=1 << 14)
def _read_domain(domain: str) -> str:
    """The registrable part of an address's domain; "" where there is none. Raises BadSignal."""
    parsed = _validated(f"a@{domain}")
    registrable: str = _split_domain(
        parsed.ascii_domain or parsed.domain
    ).top_domain_under_public_suffix
    return registrable


def _validated(address: str) -> ValidatedEmail:
    try:
        return validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        raise BadSignal("not an e-mail address", rule="identifier-email") from None


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise BadSignal("not an international phone number such as +49…", rule="identifier-phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
