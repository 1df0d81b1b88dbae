"""Real servers for tests: started when first asked for, on free ports, stopped at the end.

Where a program is not installed the test skips, naming it; with LEADSCORE_CI=1 it fails instead.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

START_S = 30.0
FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin")
POSTGRES_USER = "postgres"
_numbers = count(1)


def program(name: str) -> str:
    """Where a program is; skips the test where it is nowhere, fails it in CI."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS, *map(str, newest)])
    found = shutil.which(name, path=path)
    if found is None:
        missing = f"{name} is not installed"
        if os.environ.get("LEADSCORE_CI") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Process:
    """A server process on a port: may be stopped and started again on the same data."""

    command: Sequence[str]
    port: int
    log: Path
    ready: Callable[[], bool] | None = None
    stop_with: signal.Signals = signal.SIGTERM
    started: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.started = subprocess.Popen(
                self.command, stdout=out, stderr=subprocess.STDOUT, cwd=self.log.parent
            )
        until = time.monotonic() + START_S
        while not answers(self.port) or not (self.ready is None or self.ready()):
            if self.started.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{self.command[0]} does not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.started is not None and self.started.poll() is None:
            self.started.send_signal(self.stop_with)
            try:
                self.started.wait(10)
            except subprocess.TimeoutExpired:
                self.started.kill()
                self.started.wait()


@contextmanager
def running(process: Process) -> Iterator[Process]:
    process.start()
    try:
        yield process
    finally:
        process.stop()


def redis_process(folder: Path) -> Process:
    port = free_port()
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(folder), "--save", "", "--appendonly", "no"]
    return Process(command, port, folder / "redis.log")


def nats_process(folder: Path) -> Process:
    port = free_port()
    command = [program("nats-server"), "-a", "127.0.0.1", "-p", str(port)]
    command += ["-js", "-sd", str(folder / "jetstream")]
    return Process(command, port, folder / "nats.log")


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL of its own; `fresh` makes a database and gives its URL."""

    process: Process
    become: Sequence[str]

    def fresh(self, like: str = "template0") -> str:
        """An empty database, or a copy of one that nobody is connected to."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        made = [*self._client("createdb"), "-T", like.rpartition("/")[2], name]
        subprocess.run([*self.become, *made], check=True, cwd="/")
        return f"postgresql+psycopg://{POSTGRES_USER}@127.0.0.1:{self.process.port}/{name}"

    def _client(self, name: str) -> list[str]:
        port = str(self.process.port)
        return [program(name), "-h", "127.0.0.1", "-p", port, "-U", POSTGRES_USER]


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A new cluster, running. The server refuses to run as root: then as its own user.

    Its folder is not under pytest's: that is root's alone, and each session makes it so anew.
    """
    parent = os.environ.get("TMPDIR", "/tmp")
    with TemporaryDirectory(prefix="postgres-", dir=parent, ignore_cleanup_errors=True) as folder:
        server = _cluster(Path(folder))
        with running(server.process):
            yield server


def _cluster(folder: Path) -> Postgres:
    become: list[str] = []
    if os.geteuid() == 0:
        become = [program("setpriv"), "--reuid", POSTGRES_USER, "--regid", POSTGRES_USER]
        become += ["--clear-groups"]
        shutil.chown(folder, POSTGRES_USER, POSTGRES_USER)
    cluster, port = folder / "cluster", free_port()
    made = [program("initdb"), "-D", str(cluster), "-U", POSTGRES_USER, "-A", "trust"]
    made += ["-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([*become, *made], check=True, capture_output=True, cwd="/")
    command = [*become, program("postgres"), "-D", str(cluster), "-p", str(port)]
    command += ["-h", "127.0.0.1", "-k", str(folder), "-F"]  # -F: a test need not survive a crash
    ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    process = Process(
        command,
        port,
        folder / "postgres.log",
        ready=lambda: subprocess.run(ready, check=False).returncode == 0,
        stop_with=signal.SIGINT,  # "fast": does not wait for clients
    )
    return Postgres(process, become)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests; each takes a database of its own by `/n`."""
    with running(redis_process(tmp_path_factory.mktemp("redis"))) as process:
        yield f"redis://127.0.0.1:{process.port}"


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server with JetStream for all tests."""
    with running(nats_process(tmp_path_factory.mktemp("nats"))) as process:
        yield f"nats://127.0.0.1:{process.port}"


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[Process]:
    """A NATS server of one test's own, to stop and start."""
    with running(nats_process(tmp_path)) as process:
        yield process


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests; each takes a database of its own by `fresh()`."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """An empty PostgreSQL database of one test's own."""
    return postgres.fresh()
