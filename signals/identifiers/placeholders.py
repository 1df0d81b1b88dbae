"""Addresses that name nobody: mailboxes of several people, and what was made up to fill a field.

The names of mailboxes and the made-up words stand in `signals/lists`. They are part of what an
identifier means: after a change of them, `leadscore features rebuild` reads the log anew.
"""

import re
from functools import lru_cache

from signals.identifiers.invented_values import (
    DIGITS,
    is_invented_local,
    is_invented_name,
    squeezed,
)
from signals.identifiers.name_lists import listed

_NO_DOMAIN = frozenset(
    ["email.test", "mailinator.com", "test.com", "test.de", "test.net", "test.org", "yopmail.com"]
)
_PARTS = re.compile(r"[._\-]+")
_WHERE = frozenset(
    [
        "africa", "america", "apac", "asia", "at", "au", "austria", "be", "benelux", "berlin", "br",
        "brasil", "brazil", "ca", "canada", "ch", "china", "cn", "cz", "dach", "de", "department",
        "dept", "deutschland", "dk", "east", "emea", "en", "es", "eu", "europe", "fi", "fr",
        "france", "germany", "global", "gmbh", "gr", "group", "hamburg", "hk", "hq", "hu", "id",
        "ie", "il", "in", "india", "int", "international", "intl", "ireland", "italia", "italy",
        "japan", "jp", "kr", "latam", "london", "madrid", "mexico", "milano", "mx", "my", "na",
        "nl", "no", "nord", "nordics", "north", "nz", "oost", "ost", "osterreich", "paris", "pl",
        "poland", "pt", "ro", "roma", "ru", "russia", "schweiz", "se", "sg", "south", "spain",
        "sud", "sued", "suisse", "tr", "turkey", "ua", "uk", "us", "usa", "vn", "wien", "world",
        "worldwide", "za", "zurich",
    ]
)  # fmt: skip
"""What stands beside a mailbox's name: where it is for."""


def is_mailbox(local: str, names: frozenset[str] | None = None) -> bool:
    """Whether several people read what is sent to an address with this local part.

    `names` are those of mailboxes, without blanks, points, hyphens and underscores.

    >>> [is_mailbox(v) for v in ("info", "info+web", "info-de", "Customer.Service", "ingrid")]
    [True, True, True, True, False]
    """
    known = listed("mailboxes.txt") if names is None else names
    local = local.partition("+")[0]
    whole = squeezed(local)
    if whole in known:
        return True
    if whole[-1:].isdigit() and len(word := whole.rstrip(DIGITS)) > 1 and word in known:
        return True
    if whole == local:
        return False
    parts = [part.rstrip(DIGITS) for part in _PARTS.split(local.lower())]
    if known.isdisjoint(parts):
        return False
    return all(part in known or part in _WHERE or not part for part in parts)


def is_invented(local: str, domain: str) -> bool:
    """Whether an address was made up to fill a field, or belongs to a machine.

    `domain` is the registrable part of its domain, or the whole one where that is not known.

    >>> is_invented("asdf", "acme.com"), is_invented("ann", "example.com")
    (True, True)
    """
    if _is_invented_domain(domain) or is_invented_local(local.partition("+")[0]):
        return True
    label, _, suffix = domain.partition(".")
    return local == label and (len(label) < 3 or label == suffix)


@lru_cache(maxsize=1 << 13)
def _is_invented_domain(domain: str) -> bool:
    return domain in _NO_DOMAIN or is_invented_name(domain.partition(".")[0])


def is_called_like(local: str, domain: str) -> bool:
    """Whether an address is called like its domain: the mailbox of a whole firm, or made up.

    >>> is_called_like("acme", "acme.com"), is_called_like("ann", "acme.com")
    (True, False)
    """
    if local[0] != domain[0]:
        return False
    return squeezed(local.partition("+")[0]) == squeezed(domain.partition(".")[0])
