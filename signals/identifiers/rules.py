"""What a home sets about identity: limits, lists, the region of its telephones."""

from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import msgspec

from signals.identifiers.free_email_domains import packaged
from signals.identifiers.limits import LEAD, OWNED, ResolutionLimits, by_digit, digit_of
from signals.identifiers.name_lists import listed
from signals.identifiers.phone_regions import region_of

IdentifierLimit = Annotated[int, msgspec.Meta(ge=1, le=256)]
LimitedKind = Literal["crm_id", "user_id", "email", "phone"]
LimitingKind = LimitedKind | Literal["name"]
_KINDS = list(get_args(LimitedKind))
KindLimits = Annotated[
    dict[LimitedKind, IdentifierLimit],
    msgspec.Meta(extra_json_schema={"propertyNames": {"enum": _KINDS}}),
]
LimitsByKind = Annotated[
    dict[LimitingKind, KindLimits],
    msgspec.Meta(extra_json_schema={"propertyNames": {"enum": [*_KINDS, "name"]}}),
]
ListedName = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]

EDITION = 1
"""Raised when the rules in the code change what an identifier means or what may join."""

_LISTS = ("mailboxes.txt", "made_up_addresses.txt", "made_up_domains.txt", "no_value.txt")


class ListChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a home adds to a list that comes with the product, and takes off it."""

    add: tuple[ListedName, ...] = ()
    remove: tuple[ListedName, ...] = ()

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """The list with the changes, in lower case."""
        added, removed = (
            {n.strip().lower() for n in changes} for changes in (self.add, self.remove)
        )
        return frozenset({*names, *added} - removed)


class IdentityRules(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """The key `identity` of a home's settings.

    `phone_region` is where national telephone numbers belong (ISO 3166, such as US), "" for
    nowhere: they are left out then. `limits` says, by kind of identifier, with how many of another
    kind one may come before it is nobody's own; what is not named stays as it is. `neighbours` is
    such a limit over all kinds. `lead` is how many of a kind one lead may have. `consumer_domains`
    and `mailboxes` change the lists of domains that are no company's, and of names of mailboxes
    that several people read. Raises ValueError on a region that is none.
    """

    phone_region: str = ""
    limits: LimitsByKind = {}
    neighbours: Annotated[int, msgspec.Meta(ge=2, le=256)] = 64
    lead: KindLimits = {}
    consumer_domains: ListChanges = ListChanges()
    mailboxes: ListChanges = ListChanges()

    def __hash__(self) -> int:
        """The hash of all that it says: dictionaries have none of their own."""
        return hash(msgspec.json.encode(self, order="deterministic"))

    def __post_init__(self) -> None:
        """Refuse a region that is none."""
        if self.phone_region and region_of(self.phone_region) != self.phone_region:
            raise ValueError("identity.phone_region must be a country of ISO 3166, such as US")

    @cached_property
    def protections(self) -> ResolutionLimits:
        """The limits, those that are not set as they come."""
        set_here: dict[Any, dict[Any, int]] = {**self.limits}
        owned = {kind: {**limits, **set_here.get(kind, {})} for kind, limits in OWNED.items()}
        return ResolutionLimits(
            owned=MappingProxyType({digit_of(k): by_digit(limits) for k, limits in owned.items()}),
            neighbours=self.neighbours,
            lead=MappingProxyType(dict(by_digit({**LEAD, **self.lead}))),
        )

    @cached_property
    def consumers(self) -> frozenset[str]:
        """Domains of e-mail that are no company's."""
        return self.consumer_domains.of(packaged())

    @cached_property
    def mailbox_names(self) -> frozenset[str]:
        """Names of mailboxes that several people read."""
        return self.mailboxes.of(listed("mailboxes.txt"))

    @cached_property
    def digest(self) -> int:
        """What identities follow from, beside the events: lists, limits, region; 56 bits."""
        hashed = blake2b(digest_size=7)
        hashed.update(msgspec.json.encode([EDITION, self], order="deterministic"))
        for names in (self.consumers, self.mailbox_names, *map(listed, _LISTS)):
            hashed.update("\n".join(sorted(names)).encode() + b"\0")
        return int.from_bytes(hashed.digest())
