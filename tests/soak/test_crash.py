"""Killed at random moments and begun again, ingestion ends as if nothing had happened."""

import itertools
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from jobs.signals.ingest_files import found_home
from jobs.signals.publish_files import publish_files
from signals.store.tables import create_tables, generation
from simulation.scenarios import SCENARIOS
from simulation.simulator import simulate
from simulation.writer import write
from storage.engine import open_engine
from tests.servers import Process
from tests.soak.bus import waiting
from tests.soak.commands import Command, begin, finish, until
from tests.soak.redis_database import fresh_redis
from tests.soak.snapshots import Snapshot, assert_same, assert_whole, snapshot

FILES, WORKERS = 24, 2
SOAK = [pytest.param(seed, 10, marks=pytest.mark.soak) for seed in range(1, 11)]
"""Seeds, and how many kills each."""

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed: what it left, how long it wrote, and the files it read."""

    files: list[str]
    left: Snapshot
    log_s: float
    push_s: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    written = write(simulate(60, 3, SCENARIOS["identity"]), folder / "all.jsonl")
    lines = written.signals.read_bytes().splitlines(keepends=True)
    files = []
    for n in range(FILES):  # several transactions
        path = folder / f"part-{n:02}.jsonl"
        path.write_bytes(b"".join(lines[n * len(lines) // FILES : (n + 1) * len(lines) // FILES]))
        files.append(str(path))
    settings = Settings(home=folder / "home")
    warm = Settings(home=folder / "warm")  # what is compiled once is compiled now
    finish(begin(warm.environment(), "ingest", files[0]), warm.environment())
    run = begin(settings.environment(), "ingest", *files)
    log_s, push_s = phases(settings, run)
    finish(run, settings.environment())
    left = snapshot(settings)
    assert_whole(left)
    assert left.totals.accepted == written.accepted > 4_000
    assert left.totals.duplicates == written.duplicates > 0
    return Undisturbed(files, left, log_s, push_s)


def phases(settings: Settings, run: Command) -> tuple[float, float]:
    """How long the log was written to, and then the online store."""
    changed: list[tuple[float, tuple[int, ...]]] = []
    online = ended = 0.0
    while run.ended() is None:
        ended = time.monotonic()
        held = print_of(log_files(settings))
        if held and not online and (not changed or changed[-1][1] != held):
            changed.append((ended, held))
        if not online and print_of(online_files(settings)):
            online = ended
        time.sleep(0.001)
    return changed[-1][0] - changed[0][0], ended - online


def log_files(settings: Settings) -> list[Path]:
    return [settings.home / "signals.db", settings.home / "signals.db-wal"]


def online_files(settings: Settings) -> list[Path]:
    return [settings.home / "feast" / "online.db", settings.home / "feast" / "online.db-wal"]


def print_of(files: list[Path]) -> tuple[int, ...]:
    """What changes when a database is written to."""
    return tuple(n for f in files if f.exists() for n in (f.stat().st_size, f.stat().st_mtime_ns))


def killed(run: Command, begun: Callable[[], object], wait_s: float) -> bool:
    """Kill a command some time after something has changed; False where it had ended."""
    before = begun()
    until(lambda: begun() != before or run.ended() is not None)
    time.sleep(wait_s)
    if run.ended() is not None:
        assert run.ended() == 0
        return False
    run.tell(signal.SIGKILL)
    return run.ended() == -signal.SIGKILL


def read_with_kills(settings: Settings, usual: Undisturbed, rng: random.Random, most: int) -> int:
    """Read the files, begun again after each kill, until a run gets through; how many kills.

    Most come while the log is written, the others while states are pushed online.
    """
    kills, environment = 0, settings.environment()
    while kills < most:
        pushing = rng.random() < 0.3
        files = (online_files if pushing else log_files)(settings)
        wait_s = rng.uniform(0, usual.push_s if pushing else usual.log_s / 3)
        run = begin(environment, "ingest", *usual.files)
        if not killed(run, lambda files=files: print_of(files), wait_s):  # type: ignore[misc]
            return kills
        kills += 1
    finish(begin(environment, "ingest", *usual.files), environment)
    return kills


@pytest.mark.parametrize(("seed", "most"), [(0, 12), *SOAK])
def test_killed_while_reading_files(
    seed: int, most: int, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """A home that gets through before the kills are spent is followed by another one."""
    rng, kills = random.Random(seed), 0
    for number in itertools.count():
        settings = Settings(home=tmp_path / f"home-{number}")
        kills += read_with_kills(settings, undisturbed, rng, most - kills)
        left = snapshot(settings)
        assert_whole(left)
        assert_same(left, undisturbed.left)
        assert left.log == undisturbed.left.log
        if kills == most:
            break


@pytest.mark.parametrize(("seed", "most"), [(0, 2), *SOAK])
def test_workers_killed_over_nats_with_postgres_and_redis(
    seed: int,
    most: int,
    undisturbed: Undisturbed,
    tmp_path: Path,
    own_nats: Process,
    postgres_url: str,
    redis_url: str,
) -> None:
    """Two workers; one of them is killed and another takes its place. A run without kills is the
    other engine's, from files: also the ways in and the stores agree."""
    rng = random.Random(seed)
    settings = Settings(
        home=tmp_path / "home",
        clock="watermark",  # an event becomes known when it says so, not when it arrives
        signals_url=postgres_url,
        online=fresh_redis(redis_url),
        bus=f"nats://127.0.0.1:{own_nats.port}",
    )
    found_home(settings, None)
    engine = open_engine(settings.signals_db)
    create_tables(engine)
    publish_files(settings, undisturbed.files, None, lambda _: None)
    words = ("worker", "--lease", "1", "--batch", "10", "--deliveries", "100")
    workers = [begin(settings.environment(), *words) for _ in range(WORKERS)]
    for _ in range(most):
        which = rng.randrange(WORKERS)
        assert killed(workers[which], lambda: commits(engine), rng.uniform(0, 0.6))
        workers[which] = begin(settings.environment(), *words)
        if not waiting(settings.bus):  # the bus brings everything once more
            publish_files(settings, undisturbed.files, None, lambda _: None)
    for worker in workers:
        worker.tell(signal.SIGTERM)
        assert worker.ended() in (0, -signal.SIGTERM)  # told before or after it listened
    finish(begin(settings.environment(), *words, "--until-idle"), settings.environment())
    engine.dispose()
    left = snapshot(settings)
    assert_whole(left)
    assert_same(left, undisturbed.left)


def commits(engine: Engine) -> int:
    with engine.connect() as connection:
        return generation(connection)
