"""The rules by which an identifier is shared, and so joins nothing."""

from collections.abc import Iterable, Set

from domain.identifiers import STRENGTH, IdentifierKind, name_of, one_company
from signals.identifiers.limits import ResolutionLimits
from signals.identifiers.person_names import several_people

TOO_MANY, TWO_COMPANIES, TWO_PEOPLE = "too-many-neighbours", "two-companies", "two-people"
SEVERAL_NAMES, SHARED_PHONE = "several-names", "shared-phone"
EMAIL = f"{STRENGTH[IdentifierKind.EMAIL]:x}"
PHONE = f"{STRENGTH[IdentifierKind.PHONE]:x}"


def why_by_itself(key: str, links: Set[str], protections: ResolutionLimits) -> str:
    """The rule that follows from a person's identifier's own links; "" for none."""
    if len(links) > protections.neighbours:
        return TOO_MANY
    for kind, limit in protections.owned.get(key[0], ()):
        if len(links) > limit and sum(other[0] == kind for other in links) > limit:
            return TWO_PEOPLE
    if key[0] in (EMAIL, PHONE) and len(links) > 1 and several_people(map(name_of, links)):
        return SEVERAL_NAMES
    return "" if key[0] == EMAIL or one_company(links) else TWO_COMPANIES


def why_shared(persons: Iterable[Set[str]]) -> str:
    """The rule of a telephone whose neighbours come, without it, to these persons.

    It is shared where several of them have an e-mail address.
    """
    with_address = sum(any(key[0] == EMAIL for key in person) for person in persons)
    return SHARED_PHONE if with_address > 1 else ""
