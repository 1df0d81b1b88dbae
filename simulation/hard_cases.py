"""The hard cases of identity: identifiers that are not one person's, or not a person's only ones.

What each case's signals carry; `simulation.identity_noise` says when they come.
"""

from enum import IntEnum

from simulation.world import World

TEST_ADDRESSES = ("test@example.com", "asdf@asdf.com", "test@test.com", "a@a.com")
CONSTANT_COOKIE = "undefined"
DEFAULT_PHONE = "+16465559999"
"""No person's: its area is none of theirs."""

KIOSK_DEVICES = 4


class Case(IntEnum):
    """The hard cases; the number is the slot of their signals."""

    TEAM_MAILBOX = 8
    """A mailbox of several people of one company, under a name that is on no list."""

    TEST_ADDRESS = 9
    """A made-up e-mail address on a form, which people of many companies type."""

    CONSTANT_COOKIE = 10
    """What a broken script sends for a cookie, from everyone whom it meets."""

    DEFAULT_PHONE = 11
    """What a CRM fills in for a phone number that nobody gave."""

    KIOSK_DEVICE = 12
    """A device at which people of several companies identify themselves."""

    OVERWRITTEN_RECORD = 13
    """Somebody else's CRM record, overwritten with the person's e-mail address."""

    BORROWED_USER = 14
    """Somebody else's user id, used by the person: they are of different companies."""

    SECOND_EMAIL = 15
    """Another address of the person's at the same company, under the same CRM id."""

    SECOND_RECORD = 16
    """A second CRM record of the person's, with the same address."""

    SWITCHBOARD = 17
    """The telephone that a firm answers, on the records of all its people."""

    EXTENSION = 18
    """The firm's telephone with the person's own extension."""

    THIRD_RECORD = 19
    """One more CRM record of the person's, with the same address and the name."""

    FOURTH_RECORD = 20
    """And another."""

    FIFTH_RECORD = 21
    """And another."""

    SHARED_DESK = 22
    """An address under a name on no list, which several people use, each under their own name."""


OF_ANOTHER = (Case.OVERWRITTEN_RECORD, Case.BORROWED_USER)
"""The cases in which a strong identifier is somebody else's."""


DUPLICATES = (Case.THIRD_RECORD, Case.FOURTH_RECORD, Case.FIFTH_RECORD)
"""The cases of a record that was made again and again: they meet the same people."""


def switchboard(account: int) -> str:
    """The telephone that a firm answers; its area is none of the people's."""
    return f"+1646666{account % 10_000:04d}"


def victim(world: World, person: int) -> int:
    """Whose identifier the person uses where it is another's: a lead of another account, or -1."""
    for step in range(1, 8):
        other = (person + step * step * 7) % world.leads
        if other != person and 0 <= world.account[other] != world.account[person]:
            return other
    return -1


def second_email(world: World, person: int) -> str:
    """The person's other address at the same domain."""
    return f"x{person}@{world.domain(person)}"


def hard_identifiers(world: World, person: int, case: Case) -> dict[str, str]:
    """The identifiers that a signal of the case carries, by kind."""
    email, record = world.email(person), f"L-{person:07d}"
    cookie = world.cookie(person, 0)
    identifiers: dict[str, str]
    match case:
        case Case.TEAM_MAILBOX:
            team = f"team-blue@company-{world.account[person]:06d}.com"
            identifiers = {"email": team, "cookie": cookie}
        case Case.TEST_ADDRESS:
            address = TEST_ADDRESSES[person % len(TEST_ADDRESSES)]
            identifiers = {"email": address, "cookie": cookie}
        case Case.CONSTANT_COOKIE:
            identifiers = {"email": email, "cookie": CONSTANT_COOKIE}
        case Case.DEFAULT_PHONE:
            identifiers = {"crm_id": record, "phone": DEFAULT_PHONE}
        case Case.KIOSK_DEVICE:
            identifiers = {"email": email, "device": f"kiosk-device-{person % KIOSK_DEVICES:04d}"}
        case Case.OVERWRITTEN_RECORD:
            identifiers = {"crm_id": f"L-{victim(world, person):07d}", "email": email}
        case Case.BORROWED_USER:
            identifiers = {"user_id": f"u-{victim(world, person):07d}", "email": email}
        case Case.SECOND_EMAIL:
            identifiers = {"crm_id": record, "email": second_email(world, person)}
        case Case.SECOND_RECORD:
            identifiers = {"crm_id": f"M-{person:07d}", "email": email}
        case _:
            identifiers = _of_many(world, person, case)
    return identifiers


def _of_many(world: World, person: int, case: Case) -> dict[str, str]:
    """Identifiers that several people share, or several records of one person."""
    record, account = f"L-{person:07d}", int(world.account[person])
    match case:
        case Case.SWITCHBOARD:
            phone = switchboard(account)
            return {"crm_id": record, "email": world.email(person), "phone": phone}
        case Case.EXTENSION:
            return {"crm_id": record, "phone": f"{switchboard(account)} ext. {1000 + person}"}
        case Case.SHARED_DESK:
            desk = f"blue-desk@company-{account:06d}.com"
            return {"crm_id": record, "email": desk, "name": world.name(person)}
        case _:
            name = world.name(person)
            again = f"N{int(case)}-{person:07d}"
            return {"crm_id": again, "email": world.email(person), "name": name}
