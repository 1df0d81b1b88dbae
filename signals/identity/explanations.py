"""Why an identifier joins nothing, in words: what it is linked to, and the limit."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Engine, select

from domain.identifiers import NAMED, company_of, is_person, kind_of, name_of
from signals.identifiers.limits import ResolutionLimits
from signals.identity.directory import KnownIdentifier
from signals.identity.shared_identifiers import EMAIL
from signals.store.tables import links
from storage.sql import among

_STANDING = {
    "shared-mailbox": "an address that several people read, by its name",
    "placeholder": "a value that stands for none",
    "team-mailbox": "an address known from browsers alone, of several people",
}


def reasons(
    engine: Engine, protections: ResolutionLimits, names: Sequence[KnownIdentifier]
) -> dict[str, str]:
    """By key of those that join nothing, why, such as "4 crm_id, limit 3"."""
    ruled = {name.key: name.rule for name in names if name.rule}
    near: dict[str, list[str]] = {key: [] for key in ruled}
    query = select(links.c["key"], links.c.other)
    with engine.connect() as connection:
        for key, other in among(connection, query, links.c["key"], sorted(ruled)):
            near[key].append(other)
    return {key: _why(key, rule, near[key], protections) for key, rule in ruled.items()}


def _why(key: str, rule: str, near: Sequence[str], protections: ResolutionLimits) -> str:
    emails = [other for other in near if other[0] == EMAIL]
    match rule:
        case "too-many-neighbours":
            most = protections.neighbours
            words = f"came with more than {most} other identifiers, limit {most}"
        case "two-companies":
            companies = {company_of(key) or key for key in emails}
            words = f"came with e-mail addresses of {len(companies)} companies or private persons"
        case "several-names":
            words = f"used under {len({name_of(o) for o in near if o[0] == NAMED})} names"
        case "shared-phone":
            words = f"came with {len(emails)} people's e-mail addresses"
        case "two-people" if is_person(key):
            words = _beyond(key, near, protections)
        case _:
            words = _STANDING.get(rule, "came with identifiers of several people")
    return words


def _beyond(key: str, near: Sequence[str], protections: ResolutionLimits) -> str:
    """Which limits are passed: how many, of what, and the limit."""
    counted = Counter(other[0] for other in near)
    return "; ".join(
        f"{counted[digit]} {kind_of(digit)}, limit {limit}"
        for digit, limit in protections.owned.get(key[0], ())
        if counted[digit] > limit
    )
