"""The limits beyond which an identifier is taken to be nobody's own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from domain.identifiers import NAME_KIND, NAMED, STRENGTH, IdentifierKind

OWNED: Mapping[str, Mapping[IdentifierKind, int]] = MappingProxyType(
    {
        IdentifierKind.CRM_ID: {
            IdentifierKind.EMAIL: 3,
            IdentifierKind.USER_ID: 3,
            IdentifierKind.PHONE: 4,
        },
        IdentifierKind.USER_ID: {
            IdentifierKind.EMAIL: 3,
            IdentifierKind.CRM_ID: 32,
            IdentifierKind.PHONE: 4,
        },
        IdentifierKind.EMAIL: {
            IdentifierKind.CRM_ID: 32,
            IdentifierKind.USER_ID: 3,
            IdentifierKind.PHONE: 3,
        },
        IdentifierKind.PHONE: {
            IdentifierKind.CRM_ID: 3,
            IdentifierKind.USER_ID: 2,
            IdentifierKind.EMAIL: 2,
        },
        NAME_KIND: {
            IdentifierKind.CRM_ID: 32,
            IdentifierKind.USER_ID: 3,
            IdentifierKind.EMAIL: 3,
            IdentifierKind.PHONE: 4,
        },
    }
)
"""By kind, with how many of another kind one may come and still be one person's.

A CRM's record that was made many times, with one address, is one person; a record that carries four
addresses is several people, and so are the records at a telephone that a firm answers.
"""

LEAD: Mapping[IdentifierKind, int] = MappingProxyType(
    {
        IdentifierKind.CRM_ID: 32,
        IdentifierKind.USER_ID: 8,
        IdentifierKind.EMAIL: 8,
        IdentifierKind.PHONE: 8,
    }
)
"""How many of a kind one lead may have in all."""


def digit_of(kind: str) -> str:
    """The first digit of a kind's keys."""
    return NAMED if kind == NAME_KIND else f"{STRENGTH[IdentifierKind(kind)]:x}"


def by_digit(limits: Mapping[Any, int]) -> tuple[tuple[str, int], ...]:
    """Limits by kind as limits by first digit."""
    return tuple((digit_of(kind), most) for kind, most in limits.items())


def _owned() -> Mapping[str, tuple[tuple[str, int], ...]]:
    return MappingProxyType({digit_of(k): by_digit(limits) for k, limits in OWNED.items()})


def _lead() -> Mapping[str, int]:
    return MappingProxyType(dict(by_digit(LEAD)))


class ResolutionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits per identifier, on the identifiers seen on one event with it; kinds by digit.

    `owned`: how many of another kind one person may have. `neighbours`: of any kind; beyond it the
    value is a default that a form or a script fills in. `lead`: how many of a kind a lead may have.
    """

    owned: Mapping[str, tuple[tuple[str, int], ...]] = msgspec.field(default_factory=_owned)
    neighbours: int = 64
    lead: Mapping[str, int] = msgspec.field(default_factory=_lead)
