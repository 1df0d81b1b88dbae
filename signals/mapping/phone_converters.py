"""Telephones of a table, with the country that they are in: as international numbers."""

from collections.abc import Callable

from domain.errors import BadSignal
from signals.identifiers.invented_values import stands_for_nothing
from signals.identifiers.phone_numbers import read_phone
from signals.identifiers.phone_regions import region_of
from signals.mapping.converters import Bad, Convert


def phone_in(column: str, text: Convert, region: str) -> Convert:
    """Numbers of one region; those that cannot be read are `Bad`."""

    def convert(raw: str) -> object:
        value = text(raw)
        return _placed(column, value, region) if isinstance(value, str) else value

    return convert


def phone_of(
    column: str, text: Convert, country: Callable[[str], str | None]
) -> Callable[[tuple[str, str]], object]:
    """Numbers of the country in another cell; where that is empty, the number as it stands."""

    def convert(raw: tuple[str, str]) -> object:
        value, where = text(raw[0]), country(raw[1])
        if not isinstance(value, str) or where is None:
            return value
        return _placed(column, value, region_of(where))

    return convert


def _placed(column: str, value: str, region: str) -> object:
    if stands_for_nothing(value):
        return value  # ingestion counts it as what it is
    try:
        return read_phone(value, region)[0]
    except BadSignal as bad:
        return Bad(bad.rule, f"column {column}: {bad.what}", column)
