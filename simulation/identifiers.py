"""The identifiers that the signals of a simulated person carry."""

from simulation.hard_cases import Case, hard_identifiers
from simulation.vocabulary import Uses
from simulation.world import AREAS, FICTION, ODD, World

# plain integers: arithmetic on flags costs a microsecond each time
_COOKIE, _DEVICE, _EMAIL, _PHONE, _USER, _CRM, _SHARED, _HARD = (int(use) for use in Uses)


def identifiers_of(world: World, person: int, uses: int, slot: int) -> dict[str, str]:
    """The identifiers that a signal of a person carries, by kind."""
    if uses & _HARD:
        return hard_identifiers(world, person, Case(slot))
    identifiers: dict[str, str] = {}
    if uses & _CRM:
        identifiers["crm_id"] = f"L-{person:07d}"
        account = world.account_name(person)
        if account is not None:
            identifiers["account_id"] = account
    if uses & _USER:
        identifiers["user_id"] = f"u-{person:07d}"
    if uses & _EMAIL:
        identifiers["email"] = world.email(person)
    if uses & _SHARED:
        identifiers["email"] = f"info@company-{world.account[person]:06d}.com"
    if uses & _PHONE:
        identifiers["phone"] = _phone(person)
    if uses & _DEVICE:
        identifiers["device"] = f"d-{((person * 4) * ODD + 1) & 0xFFFFFFFFFF:010x}"
    if uses & _COOKIE:
        identifiers["cookie"] = world.cookie(person, slot)
    return identifiers


def _phone(person: int) -> str:
    number, area = divmod(person, len(AREAS))
    last = number + len(FICTION) * (number >= FICTION.start)
    return f"+1{AREAS[area]}555{last:04d}"
