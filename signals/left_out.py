"""What an event came in without: optional values that could not be read, counted and never shown."""

from typing import NamedTuple


class LeftOut(NamedTuple):
    """One kind of what was left out: where it stands (a column, a kind of identifier), the rule."""

    where: str
    rule: str
