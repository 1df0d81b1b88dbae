"""Two feature services over the same leads at the same moment: what differs, and by how much."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, select

from config.home_definition import definition_of
from config.settings import Settings, sqlite_url
from domain.clock import SECOND, iso
from domain.definition import FeatureDefinition
from domain.errors import Missing
from feature_repo.catalogue import catalogue, category_names, number_names
from feature_repo.features import categories, numbers
from jobs.signals.feature_services import BESIDE, STATES, built_of, folder_of, kept_definition
from signals.store.feature_states import StateStore
from signals.store.tables import leads
from storage.engine import open_engine

CHUNK = 1_000
CLOSE = 1e-9
"""Sums in another order differ by less than this, relatively."""

NamedColumns = dict[str, NDArray[np.float64] | NDArray[np.str_]]
"""Named features by name, [leads] each."""


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that only one of the services has, and the share of leads that miss it."""

    name: str
    missing: float


class Both(msgspec.Struct, frozen=True, kw_only=True):
    """A feature of one name in both services.

    For so many leads it differs; `mean` and `largest` are of the absolute differences where both
    know a number, 0 for categories; the shares are of the leads that miss it, now and then.
    """

    name: str
    differ: int
    mean: float
    largest: float
    missing_in_use: float
    missing: float


class ServiceComparison(msgspec.Struct, frozen=True, kw_only=True):
    """A built service against the one in use when it was built, over all leads of that moment."""

    service: str
    in_use: str
    as_of: str
    events: int
    leads: int
    same: int
    added: list[Alone]
    removed: list[Alone]
    both: list[Both]


class Differences:
    """Counts, chunk by chunk, how the values of two services differ."""

    def __init__(self) -> None:
        self.rows = 0
        self._missing: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._differ: dict[str, int] = {}
        self._sum: dict[str, float] = {}
        self._pairs: dict[str, int] = {}
        self._largest: dict[str, float] = {}

    def add(self, in_use: NamedColumns, built: NamedColumns) -> None:
        """Add the same leads' values by both services."""
        for cells, counted in zip((in_use, built), self._missing, strict=True):
            for name, values in cells.items():
                counted[name] = counted.get(name, 0) + int(_missing_cells(values).sum())
                self.rows += len(values) if cells is built and name == next(iter(built)) else 0
        for name in built.keys() & in_use.keys():
            self._compare(name, in_use[name], built[name])

    def _compare(
        self,
        name: str,
        a: NDArray[np.float64] | NDArray[np.str_],
        b: NDArray[np.float64] | NDArray[np.str_],
    ) -> None:
        if a.dtype.kind != "f" or b.dtype.kind != "f":
            differ = np.char.not_equal(a.astype(str), b.astype(str))
            gaps = np.zeros(0)
        else:
            x, y = a.astype(np.float64), b.astype(np.float64)
            differ = ~np.isclose(x, y, rtol=CLOSE, atol=CLOSE, equal_nan=True)
            gaps = np.abs(x - y)[~(np.isnan(x) | np.isnan(y))]
        self._differ[name] = self._differ.get(name, 0) + int(differ.sum())
        self._sum[name] = self._sum.get(name, 0.0) + float(gaps.sum())
        self._pairs[name] = self._pairs.get(name, 0) + len(gaps)
        self._largest[name] = max(self._largest.get(name, 0.0), float(gaps.max(initial=0.0)))

    def alone(self, names: Sequence[str], *, built: bool) -> list[Alone]:
        """Features that one side alone has."""
        return [Alone(name=n, missing=self._share(n, built=built)) for n in names]

    def both(self, names: Sequence[str]) -> list[Both]:
        """Features of both sides, those that differ for most leads first."""
        changes = [
            Both(
                name=n,
                differ=self._differ.get(n, 0),
                mean=self._sum.get(n, 0.0) / max(self._pairs.get(n, 0), 1),
                largest=self._largest.get(n, 0.0),
                missing_in_use=self._share(n, built=False),
                missing=self._share(n, built=True),
            )
            for n in names
        ]
        return sorted(changes, key=lambda one: -one.differ)

    def _share(self, name: str, *, built: bool) -> float:
        return self._missing[built].get(name, 0) / max(self.rows, 1)


def compare(settings: Settings, label: str) -> ServiceComparison:
    """Compare a built service with the one in use. Raises Missing where it is not built so."""
    built, current = built_of(settings, label), definition_of(settings)
    if built.beside_fingerprint != current.fingerprint:
        raise Missing(
            f"{label} was built beside {built.beside}, and {current.label} is in use now",
            rule="service-beside",
            todo="Run `leadscore features build --service F.yaml` again.",
        )
    other, folder = kept_definition(settings, label), folder_of(settings, label)
    differences = Differences()
    sides = [(current, folder / BESIDE), (other, folder / STATES)]
    moment = built.as_of_us / SECOND
    for ids, one, two in _chunks(sides):
        differences.add(*(named(d, c, ids, moment) for d, c in ((current, one), (other, two))))
    mine, theirs = ([f.name for f in catalogue(d)] for d in (current, other))
    both = differences.both([n for n in theirs if n in set(mine)])
    return ServiceComparison(
        service=label,
        in_use=current.label,
        as_of=iso(built.as_of_us),
        events=built.events,
        leads=differences.rows,
        same=sum(one.differ == 0 for one in both),
        added=differences.alone([n for n in theirs if n not in set(mine)], built=True),
        removed=differences.alone([n for n in mine if n not in set(theirs)], built=False),
        both=both,
    )


def _chunks(
    sides: Sequence[tuple[FeatureDefinition, Path]],
) -> Iterator[tuple[list[str], Connection, Connection]]:
    one, two = (open_engine(sqlite_url(path)) for _, path in sides)
    try:
        with one.connect() as first, two.connect() as second:
            for ids in _ids(one):
                yield ids, first, second
    finally:
        one.dispose()
        two.dispose()


def _ids(engine: Engine) -> Iterator[list[str]]:
    with engine.connect() as connection:
        query = select(leads.c.lead_id).order_by(leads.c.lead_id)
        rows = iter(connection.execute(query.execution_options(yield_per=CHUNK)).scalars())
        while part := list(islice(rows, CHUNK)):
            yield part


def named(
    definition: FeatureDefinition, connection: Connection, ids: Sequence[str], moment: float
) -> NamedColumns:
    """Named features of leads at a moment, in seconds; one that is not stored saw nothing."""
    store = StateStore(definition)
    width = store.layout.width
    by_lead = {row.lead_id: row for row in store.load(connection, ids)}
    states, texts = np.zeros((len(ids), width)), [[""] * store.texts for _ in ids]
    groups = np.zeros((len(ids), store.layout.account_width))
    keys = sorted({row.account for row in by_lead.values()} - {""})
    vectors = dict(zip(keys, store.account_vectors(connection, keys), strict=True)) if keys else {}
    for i, lead in enumerate(ids):
        if (row := by_lead.get(lead)) is not None:
            states[i], texts[i] = row.state, [value for _, _, value in row.texts]
            if row.account:
                groups[i] = vectors[row.account]
    values = numbers(definition, states, groups, np.full(len(ids), moment))
    words = np.array(categories(definition, states, texts)).reshape(len(ids), -1)
    return {
        **dict(zip(number_names(definition), values.T, strict=True)),
        **dict(zip(category_names(definition), words.T, strict=True)),
    }


def _missing_cells(values: NDArray[np.float64] | NDArray[np.str_]) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = np.isnan(values) if values.dtype.kind == "f" else values == ""
    return missing
