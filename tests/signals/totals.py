"""The counts since the log began, as the table has them."""

from sqlalchemy import Engine, select

from domain.signals import Counts
from signals.store.tables import totals


def read_totals(engine: Engine) -> Counts:
    with engine.connect() as connection:
        rows = connection.execute(select(totals.c["name"], totals.c["value"]))
        held = {name: int(value) for name, value in rows}
    return Counts(**{name: held.get(name, 0) for name in Counts.__struct_fields__})
