"""What a lead can be known by, and the ids that are made from it.

Identifiers are personal data. Rooms outside `signals` only ever see keys and ids: digests that
say whether two identifiers are the same and nothing else.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b
from typing import NewType

LEAD_PREFIX = "lead_"
_ACCOUNT_ID = re.compile(r"acct_[0-9a-f]{16}")
_LEAD_ID = re.compile(r"lead_[0-9a-f]{17}")

LeadId = NewType("LeadId", str)
AccountId = NewType("AccountId", str)
IdentifierKey = NewType("IdentifierKey", str)


class IdentifierKind(StrEnum):
    """The kinds of identifier, strongest first: the order decides whose key names a lead."""

    CRM_ID = "crm_id"
    USER_ID = "user_id"
    EMAIL = "email"
    PHONE = "phone"
    DEVICE = "device"
    COOKIE = "cookie"


STRENGTH = {kind: rank for rank, kind in enumerate(IdentifierKind)}
"""0 is strongest."""

FIRST_WEAK = f"{STRENGTH[IdentifierKind.DEVICE]:x}"
"""Keys begin with their kind's strength; from this digit on, kinds name machines, not people."""

NAMED = "d"
"""First digit of keys of an address or a telephone together with a person's name.

An address that several people use, and one of their names, are one person: such a key joins where
the address alone doesn't, and tells how many names an address is used under. It never names a lead
that holds anything else.
"""

MAILBOX, PLACEHOLDER = "e", "f"
"""First digits of keys that name nobody: a mailbox of several people, a value that stands for none.

They never join: what carries nothing better stays by itself.
"""

_KINDS = {f"{rank:x}": str(kind) for kind, rank in STRENGTH.items()} | {
    NAMED: "name",
    MAILBOX: "shared mailbox",
    PLACEHOLDER: "placeholder",
}
_EMAIL = f"{STRENGTH[IdentifierKind.EMAIL]:x}"
_NO_COMPANY = "0" * 12

ACCOUNT_KIND = "account_id"
"""The CRM's id of the organisation; it groups leads and never joins two of them."""

NAME_KIND = "name"
"""A person's name: evidence for or against two records being one person, never a key."""


def identifier_key(kind: str, value: str) -> IdentifierKey:
    """The digest that stands for a normalised identifier: 1 hex digit of strength, 32 of hash.

    The strength comes first, so that the smallest key of a set belongs to its strongest kind.

    >>> identifier_key("crm_id", "42") < identifier_key("cookie", "42")
    True
    """
    return IdentifierKey(f"{STRENGTH[IdentifierKind(kind)]:x}{_digest(kind, value)}")


def nameless_key(first: str, kind: str, value: str) -> IdentifierKey:
    """The key of an identifier that names nobody; `first` is MAILBOX or PLACEHOLDER."""
    return IdentifierKey(f"{first}{_digest(kind, value)}")


def named_key(hub: IdentifierKey, name: str, tokens: str) -> IdentifierKey:
    """The key of an identifier used under a name; its last 24 digits are the name's tokens.

    `hub` is the key of an address or a telephone, `tokens` as `signals.identifiers.person_names`
    gives them.
    """
    return IdentifierKey(f"{NAMED}{_digest('name', f'{hub} {name}')[:8]}{tokens}")


def name_of(key: str) -> str:
    """The tokens of a person's name in a key; "" for other kinds.

    >>> name_of("d" + 8 * "0" + "a1b2c3" + 18 * "0")[:6], name_of(identifier_key("phone", "+1"))
    ('a1b2c3', '')
    """
    return key[9:] if key[0] == NAMED else ""


def is_person(key: str) -> bool:
    """Whether a key is of an identifier that names a person, alone or with a name.

    >>> is_person(identifier_key("email", "a@b.de")), is_person(identifier_key("cookie", "c1"))
    (True, False)
    """
    return key[0] < FIRST_WEAK or key[0] == NAMED


def is_machine(key: str) -> bool:
    """Whether a key is of an identifier that names a machine.

    >>> is_machine(identifier_key("email", "a@b.de")), is_machine(identifier_key("cookie", "c1"))
    (False, True)
    """
    return FIRST_WEAK <= key[0] < NAMED


def email_key(address: str, company: str) -> IdentifierKey:
    """The key of an e-mail address; its last 12 digits are its company's, zeros for none.

    Whether two addresses are of two companies then shows in their keys alone.

    >>> company_of(email_key("a@acme.com", "acme.com")) == company_of(
    ...     email_key("b@acme.com", "acme.com")
    ... )
    True
    >>> company_of(email_key("a@gmail.com", ""))
    ''
    """
    tag = blake2b(company.encode(), digest_size=6).hexdigest() if company else _NO_COMPANY
    return IdentifierKey(f"{_EMAIL}{_digest('email', address)[:20]}{tag}")


def company_of(key: str) -> str:
    """The company part of an e-mail address's key; "" for none, and for other kinds."""
    tag = key[21:]
    return tag if key[0] == _EMAIL and tag != _NO_COMPANY else ""


def one_company(keys: Iterable[str]) -> bool:
    """Whether the e-mail addresses among keys may be one person's: one, or all of one company.

    Two private addresses, or a private one and one at work, are as likely two people's.
    """
    addresses = [key for key in keys if key[0] == _EMAIL]
    if len(addresses) < 2:
        return True
    companies = {key[21:] for key in addresses}
    return len(companies) == 1 and _NO_COMPANY not in companies


def _digest(kind: str, value: str) -> str:
    return blake2b(f"{kind}\0{value}".encode(), digest_size=16).hexdigest()


def lead_id(key: str) -> LeadId:
    """The lead id that a key gives its name to.

    >>> lead_id(identifier_key("crm_id", "42"))
    'lead_0ea1b3fad4e2a3e1b'
    """
    return LeadId(f"{LEAD_PREFIX}{key[:17]}")


def kind_of(key: str) -> str:
    """What kind of identifier a key stands for.

    >>> kind_of(identifier_key("cookie", "c1"))
    'cookie'
    """
    return _KINDS[key[0]]


def is_lead_id(text: str) -> bool:
    """Whether a text has the form of a lead id.

    >>> is_lead_id("lead_0ea1b3fad4e2a3e1b"), is_lead_id("lead_1")
    (True, False)
    """
    return _LEAD_ID.fullmatch(text) is not None


def is_identified(lead: str) -> bool:
    """Whether a lead id is made from an identifier that names a person.

    >>> is_identified(lead_id(identifier_key("email", "a@b.de")))
    True
    >>> is_identified(lead_id(identifier_key("cookie", "c1")))
    False
    """
    return is_person(lead[len(LEAD_PREFIX) :] or PLACEHOLDER)


def account_id(value: str) -> AccountId:
    """The account id of a registrable domain or of a CRM's account id."""
    return AccountId("acct_" + blake2b(value.encode(), digest_size=8).hexdigest())


def accounts_named(value: str) -> list[str]:
    """The accounts that a text may mean: an account's id, or a domain or CRM id of it.

    >>> accounts_named("acct_6a09bd7a50b8ac7d")
    ['acct_6a09bd7a50b8ac7d']
    """
    if _ACCOUNT_ID.fullmatch(value):
        return [value]
    return sorted({account_id(value), account_id(value.strip().lower())})
