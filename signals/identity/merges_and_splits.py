"""What a change of identity means for leads: which merge, and which are torn."""

from collections.abc import Mapping
from typing import NamedTuple

from domain.identifiers import lead_id
from signals.identity.link_graph import Keys
from signals.identity.resolver import Resolved, Resolver


class Rearrangement(NamedTuple):
    """`ended`: leads that ended, and the lead that their naming identifier belongs to now.

    `torn`: leads of which some events now belong to another lead; the others are only merged.
    `why`: for each lead that ended or was torn, the set of keys that caused it, or a rule.
    """

    ended: dict[str, str]
    torn: set[str]
    why: dict[str, Keys | str]


def rearrangement(resolved: Resolved, resolver: Resolver) -> Rearrangement:
    """What the identifiers' moves mean for the leads that they belonged to."""
    went: dict[str, set[str]] = {}
    ended: dict[str, str] = {}
    for key, before, after in resolved.moves:
        if before:
            went.setdefault(before, set()).add(after)
            if lead_id(key) == before:
                ended[before] = after
    torn = {old for old, into in went.items() if old not in ended or len(into) > 1}
    before_of = {move.key: move.before for move in resolved.moves}
    for key in resolved.flipped:
        for near in (key, *resolver.links.get(key, ())):
            torn.add(before_of.get(near, resolver.leads.get(near, "")))
    torn.discard("")
    return Rearrangement(ended, torn, _reasons(resolved, resolver, before_of))


def _reasons(
    resolved: Resolved, resolver: Resolver, before_of: Mapping[str, str]
) -> dict[str, Keys | str]:
    why: dict[str, Keys | str] = {}
    for link in resolved.links:
        for key in (link.key, link.other):
            if lead := before_of.get(key, resolver.leads.get(key, "")):
                why.setdefault(lead, link.keys)
    for key in resolved.flipped:
        lead = before_of.get(key, resolver.leads.get(key, ""))
        why[lead] = resolver.rules.get(key, "joined-again")
    return why
