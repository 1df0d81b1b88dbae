"""What a lead can be known by, and the ids that are made from it.

Identifiers are personal data. Rooms outside `signals` only ever see keys and ids: digests that
say whether two identifiers are the same and nothing else.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import NewType

_PREFIX = "lead_"

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

ACCOUNT_KIND = "account_id"
"""The CRM's id of the organisation; it groups leads and never joins two of them."""


def identifier_key(kind: str, value: str) -> IdentifierKey:
    """The digest that stands for a normalised identifier: 1 hex digit of strength, 32 of hash.

    The strength comes first, so that the smallest key of a set belongs to its strongest kind.

    >>> identifier_key("crm_id", "42") < identifier_key("cookie", "42")
    True
    """
    digest = blake2b(f"{kind}\0{value}".encode(), digest_size=16).hexdigest()
    return IdentifierKey(f"{STRENGTH[IdentifierKind(kind)]:x}{digest}")


def lead_id(key: IdentifierKey) -> LeadId:
    """The lead id that a key gives its name to.

    >>> lead_id(identifier_key("crm_id", "42"))
    'lead_0ea1b3fad4e2a3e1b'
    """
    return LeadId(f"{_PREFIX}{key[:17]}")


def is_identified(lead: str) -> bool:
    """Whether a lead id is made from an identifier that names a person.

    >>> is_identified(lead_id(identifier_key("email", "a@b.de")))
    True
    >>> is_identified(lead_id(identifier_key("cookie", "c1")))
    False
    """
    return lead[len(_PREFIX) : len(_PREFIX) + 1] < FIRST_WEAK


def account_id(value: str) -> AccountId:
    """The account id of a registrable domain or of a CRM's account id."""
    return AccountId("acct_" + blake2b(value.encode(), digest_size=8).hexdigest())
