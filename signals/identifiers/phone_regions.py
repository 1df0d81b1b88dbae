"""Countries as people write them, as regions of telephone numbers (ISO 3166, two letters)."""

from functools import cache

from signals.identifiers.invented_values import squeezed
from signals.identifiers.name_lists import listed


@cache
def _names() -> dict[str, str]:
    """Regions by squeezed name, in the languages that phonenumbers has them in.

    A name that two languages give to two regions is left out.
    """
    from phonenumbers.geodata.locale import LOCALE_DATA

    names: dict[str, set[str]] = {}
    for region, by_language in LOCALE_DATA.items():
        for name in by_language.values():
            if not name.startswith("*"):
                names.setdefault(squeezed(name), set()).add(region)
    sure = {name: regions.pop() for name, regions in names.items() if len(regions) == 1}
    two = {region.lower(): region for region in LOCALE_DATA}
    return {**sure, **two, **_also()}


def _also() -> dict[str, str]:
    rows = [line.split() for line in listed("countries.txt")]
    return {name: region for region, *names in rows for name in names}


def region_of(country: str) -> str:
    """The region of a country's name, or code of two or three letters; "" where it is none.

    >>> [region_of(c) for c in ("US", "deu", "U.S.A.", "United Kingdom", "Österreich", "Mars")]
    ['US', 'DE', 'US', 'GB', 'AT', '']
    """
    return _names().get(squeezed(country), "")
