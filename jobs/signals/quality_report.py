"""What the quality gates have kept in a home: counts and profiles, shown and forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection

from config.home_definition import definition_of
from config.settings import Settings
from domain.clock import iso
from domain.findings import QualityFindings
from signals.quality.profile import Profile
from signals.quality.tables import add_findings, all_profiles, forget_profile, stored_findings
from signals.store.tables import create_tables
from storage.engine import open_engine


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How often one rule was broken, and by what."""

    gate: str
    rule: str
    about: str
    found: int


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What the batches of one source and type usually look like: medians over its profile.

    `rows` is 0 where no whole delivery was seen yet; shares are 0 to 1.
    """

    about: str
    batches: int
    newest: str
    rows: int
    refused: float
    nulls: dict[str, float]
    values: dict[str, int]


def findings(settings: Settings, gate: str | None = None) -> list[Found]:
    """The stored counts of one gate or of all, most first. Raises Missing for an empty home."""
    with _transaction(settings) as connection:
        counts = stored_findings(connection)
    rows = [
        Found(gate=f.gate, rule=f.rule, about=f.about, found=n)
        for f, n in counts.items()
        if gate in (None, f.gate)
    ]
    return sorted(rows, key=lambda r: (-r.found, r.gate, r.rule, r.about))


def usual(settings: Settings) -> list[Usual]:
    """Every profile, by label. Raises Missing for an empty home."""
    with _transaction(settings) as connection:
        profiles = all_profiles(connection)
    return [_usual(about, profile) for about, profile in profiles.items()]


def forget(settings: Settings, about: str) -> None:
    """Forget the profile of a source and type. Raises Missing."""
    with _transaction(settings) as connection:
        forget_profile(connection, about)


def store(settings: Settings, counted: QualityFindings) -> None:
    """Add findings that no ingest transaction keeps: of training, or of a batch of scores."""
    with _transaction(settings) as connection:
        add_findings(connection, counted.counts())


@contextmanager
def _transaction(settings: Settings) -> Iterator[Connection]:
    definition_of(settings)
    engine = open_engine(settings.signals_db)
    create_tables(engine)
    with engine.connect() as connection:
        yield connection
        connection.commit()
    engine.dispose()


def _usual(about: str, profile: Profile) -> Usual:
    return Usual(
        about=about,
        batches=profile.batches,
        newest=iso(profile.at_us),
        rows=profile.volume.median_count(),
        refused=profile.refused.median_share(),
        nulls={name: field.nulls.median_share() for name, field in profile.fields.items()},
        values={name: len(field.values) for name, field in profile.fields.items() if field.values},
    )
