"""The limits beyond which an identifier is taken to be nobody's own."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from domain.identifiers import STRENGTH, IdentifierKind

Kind = IdentifierKind

_OWNED = MappingProxyType(
    {
        Kind.CRM_ID: {Kind.EMAIL: 3, Kind.USER_ID: 3, Kind.PHONE: 4},
        Kind.USER_ID: {Kind.EMAIL: 3, Kind.CRM_ID: 3, Kind.PHONE: 4},
        Kind.EMAIL: {Kind.CRM_ID: 3, Kind.USER_ID: 3, Kind.PHONE: 4},
        Kind.PHONE: {Kind.CRM_ID: 3, Kind.USER_ID: 2, Kind.EMAIL: 2},
    }
)


def _digits() -> Mapping[str, tuple[tuple[str, int], ...]]:
    return MappingProxyType(
        {
            f"{STRENGTH[kind]:x}": tuple((f"{STRENGTH[o]:x}", n) for o, n in limits.items())
            for kind, limits in _OWNED.items()
        }
    )


class Protections(msgspec.Struct, frozen=True, kw_only=True):
    """Limits per identifier, on the identifiers seen on one event with it.

    `owned`: by a kind's digit, how many of another kind (by digit) one person may have. A CRM's
    record that was made twice, or a private address beside the one at work, is one person; a
    record that carries four addresses is several.
    `neighbours`: of any kind; beyond it the value is a default that a form or a script fills in.
    `cluster`: how many names of one kind a lead may have in all.
    """

    owned: Mapping[str, tuple[tuple[str, int], ...]] = msgspec.field(default_factory=_digits)
    neighbours: int = 64
    cluster: int = 8
