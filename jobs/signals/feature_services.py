"""Feature services beside the one in use: built from the log, used, taken back.

    services/used.json             labels that were in use, and the way back
    services/LABEL/definition.json
    services/LABEL/states.db       built: every lead's and account's state as of the built moment
    services/LABEL/beside.db       the states in use at that very moment, to compare with
    services/LABEL/built.json      what was built, beside what

All of it lies in the home. Building reads one snapshot of the log, so that signals may be taken in
and leads scored meanwhile, and puts its folder in place whole or not at all.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select

from config.home_definition import definition_of
from config.settings import Settings, sqlite_url
from domain.clock import iso
from domain.definition import FeatureDefinition
from domain.errors import BadInput, Missing
from feature_repo.catalogue import catalogue
from jobs.signals.rebuild_states import rebuild_states
from signals.events import event_log
from signals.ingest.transactions import Writer
from signals.store.feature_states import StateStore
from signals.store.tables import accounts, create_tables, leads, outbox, writing
from storage.engine import open_engine
from storage.files import write_whole
from wiring.signals import contract_book, write_definition

FOLDER, USED = "services", "used.json"
DEFINITION, STATES, BESIDE, BUILT = "definition.json", "states.db", "beside.db", "built.json"
_AT_A_TIME = 5_000


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """`before`: what was used before, the last one last; `ever`: every label that was used."""

    before: tuple[str, ...] = ()
    ever: tuple[str, ...] = ()


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What a service was built of: so many events, known up to `as_of_us`; and beside what."""

    label: str
    fingerprint: str
    beside: str
    beside_fingerprint: str
    events: int
    leads: int
    as_of_us: int


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A feature service that the home knows of.

    `standing` is `in use`, `used before` or `built`, never used; `built_as_of` is "" where it is
    not built.
    """

    label: str
    standing: str
    fingerprint: str
    features: int
    built_as_of: str


def services(settings: Settings) -> list[Service]:
    """The service in use, then those that are kept, by label. Raises Missing for an empty home."""
    current = definition_of(settings)
    kept = {d.label: d for d in _kept(settings) if d.label != current.label}
    listed = [_service(settings, current, "in use")]
    ever = _used(settings).ever
    listed += [
        _service(settings, d, "used before" if label in ever else "built")
        for label, d in sorted(kept.items())
    ]
    return listed


def _service(settings: Settings, d: FeatureDefinition, standing: str) -> Service:
    built = _built(folder_of(settings, d.label))
    return Service(
        label=d.label,
        standing=standing,
        fingerprint=d.fingerprint,
        features=len(catalogue(d)),
        built_as_of=iso(built.as_of_us) if built else "",
    )


def folder_of(settings: Settings, label: str) -> Path:
    """Where a service is kept."""
    return settings.home / FOLDER / label


def kept_definition(settings: Settings, label: str) -> FeatureDefinition:
    """The definition kept under a label. Raises Missing."""
    by_label = {d.label: d for d in _kept(settings)}
    if label not in by_label:
        raise Missing(
            f"no feature service {label!r} is kept",
            rule="service-kept",
            where=str(settings.home),
            todo="`leadscore features services` lists them; "
            "`leadscore features build --service F.yaml` makes one.",
        )
    return by_label[label]


def built_of(settings: Settings, label: str) -> Built:
    """What was built under a label. Raises Missing."""
    kept = kept_definition(settings, label)
    built = _built(folder_of(settings, label))
    if built is None or built.fingerprint != kept.fingerprint:
        raise Missing(
            f"{label} is kept, but not built beside another service",
            rule="service-built",
            where=str(settings.home),
            todo="Run `leadscore features build --service F.yaml` with its file.",
        )
    return built


# -- build -----------------------------------------------------------------------------------


def build(
    settings: Settings, definition: FeatureDefinition, progress: Callable[[int], None]
) -> Built:
    """Fold the whole log for another definition, beside the one in use.

    `progress` is told how many events each step took in. Memory holds a few thousand events and
    the leads that they touch.
    """
    current = definition_of(settings)
    _refuse_same_label(settings, current, definition)
    folder = folder_of(settings, definition.label)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with _snapshot(open_engine(settings.signals_db)) as source:
        count = _copy(source, partial / BESIDE)
        events, as_of = _fold(settings, source, definition, partial / STATES, progress)
    built = Built(
        label=definition.label,
        fingerprint=definition.fingerprint,
        beside=current.label,
        beside_fingerprint=current.fingerprint,
        events=events,
        leads=count,
        as_of_us=as_of,
    )
    (partial / BUILT).write_bytes(msgspec.json.encode(built))
    write_definition(partial / DEFINITION, definition)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return built


def _refuse_same_label(
    settings: Settings, current: FeatureDefinition, definition: FeatureDefinition
) -> None:
    """A label that was ever used means one definition for good."""
    ever = _used(settings).ever
    known = {d.label: d for d in _kept(settings) if d.label in ever}
    known[current.label] = current
    same = known.get(definition.label)
    if same is not None and same.fingerprint != definition.fingerprint:
        raise BadInput(
            f"{definition.label} is the name of other features already",
            rule="service-version",
            todo="Give the changed service a higher version.",
        )


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that reads one state of the database, and blocks no writer."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection
    engine.dispose()


@contextmanager
def _written(path: Path) -> Iterator[Connection]:
    """A new SQLite file with the signal plane's tables."""
    engine = open_engine(sqlite_url(path))
    create_tables(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _copy(source: Connection, path: Path) -> int:
    """Copy the states in use; how many leads."""
    copied = 0
    with _written(path) as to:
        writing(to)
        for table in (leads, accounts):
            rows = source.execute(select(table).execution_options(yield_per=_AT_A_TIME))
            for part in rows.mappings().partitions():
                to.execute(insert(table), [dict(row) for row in part])
                copied += len(part) if table is leads else 0
        to.commit()
    return copied


def _fold(
    settings: Settings,
    source: Connection,
    definition: FeatureDefinition,
    path: Path,
    progress: Callable[[int], None],
) -> tuple[int, int]:
    """Fold every event where it belongs now; how many, and when the last became known."""
    upcast = contract_book(settings).upcast
    writer = Writer(source.engine, StateStore(definition), settings.identity, upcast=upcast)
    events = as_of = 0
    with _written(path) as to:
        writer.identities.begin(source, fresh=False)
        for part in event_log.read_in(source, _AT_A_TIME):
            writing(to)
            writer.identities.begin(source, fresh=True)
            writer.batch(to).count(part)
            to.execute(delete(outbox))
            to.commit()
            events += len(part)
            as_of = part[-1].known_us
            progress(len(part))
    return events, as_of


# -- use -------------------------------------------------------------------------------------


def use(settings: Settings, definition: FeatureDefinition, progress: Callable[[int], None]) -> int:
    """Keep live state for this definition from now on, and the one before for a rollback.

    Returns how many events were folded again.
    """
    current = definition_of(settings)
    _refuse_same_label(settings, current, definition)
    for one in (current, definition):
        folder = folder_of(settings, one.label)
        folder.mkdir(parents=True, exist_ok=True)
        write_definition(folder / DEFINITION, one)
    if current.label != definition.label:
        used = _used(settings)
        ever = dict.fromkeys([*used.ever, current.label, definition.label])
        _write_used(settings, Used(before=(*used.before, current.label), ever=tuple(ever)))
    return rebuild_states(settings, definition, progress).accepted


def rollback(settings: Settings, progress: Callable[[int], None]) -> tuple[FeatureDefinition, int]:
    """Take the service into use that was used before; that, and how many events were folded."""
    current = definition_of(settings)
    way_back = list(_used(settings).before)
    while way_back and way_back[-1] == current.label:
        way_back.pop()
    if not way_back:
        raise Missing(
            f"no feature service was in use before {current.label}",
            rule="service-before",
            where=str(settings.home),
        )
    before = kept_definition(settings, way_back.pop())
    done = use(settings, before, progress)
    _write_used(settings, Used(before=tuple(way_back), ever=_used(settings).ever))
    return before, done


def _used(settings: Settings) -> Used:
    path = settings.home / FOLDER / USED
    return msgspec.json.decode(path.read_bytes(), type=Used) if path.is_file() else Used()


def _write_used(settings: Settings, used: Used) -> None:
    write_whole(settings.home / FOLDER / USED, msgspec.json.encode(used))


def _kept(settings: Settings) -> list[FeatureDefinition]:
    paths = sorted((settings.home / FOLDER).glob(f"*_v*[0-9]/{DEFINITION}"))
    return [msgspec.json.decode(path.read_bytes(), type=FeatureDefinition) for path in paths]


def _built(folder: Path) -> Built | None:
    path = folder / BUILT
    return msgspec.json.decode(path.read_bytes(), type=Built) if path.is_file() else None
