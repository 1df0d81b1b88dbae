"""Starting and stopping the server.

The listening socket is opened here and inherited by BentoML's own worker processes (the script
that `bentoml serve` starts as well). So a port in use is found before anything is loaded, port 0
means a free one without a race, and BentoML is imported once per worker and in no supervisor:
half the start-up time. A worker that dies is started anew; whoever was not accepted yet waits.
"""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx
import msgspec

from domain.errors import BadInput, LeadscoreError, Unavailable
from serving.client import error_of
from serving.guard import access_at
from serving.tls import tls_options
from wiring.settings import Settings

SERVICE = "serving.service:LeadScoring"
WORKER = "_bentoml_impl.worker.service"
START_S = 120.0
"""How long a server may take to become ready."""
PROBE_S = 5.0
"""How long one look at `/readyz` may take: a worker that ended meanwhile never answers it."""
STOP_S = 10.0
"""How long workers may take to finish their requests before they are killed."""
YOUNG_S, GIVE_UP = 30.0, 3
"""Workers that end younger than this, so often in a row in one place, are not started again."""
LOOK_S = 0.1
BACKLOG = 2048
TAIL = 12
_ACCESS = {
    "loopback": "access: programs on this machine need no credential; set "
    "LEADSCORE_ACCESS=required where a proxy passes requests on, or others use this machine",
    "required": "access: every caller needs a credential",
}
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class Worker:
    """A worker process, and when it was started (monotonic, seconds)."""

    process: subprocess.Popen[bytes]
    since_s: float
    early_ends: int = 0
    """How often in a row one in its place ended young."""


@dataclass(frozen=True, slots=True)
class Server:
    """A started server: its address, the socket its workers share, its log."""

    url: str
    listening: socket.socket
    log: Path
    metrics: Path
    spawn: Callable[[int], subprocess.Popen[bytes]]
    workers: list[Worker]
    access: str
    """Who needs a credential, in words."""

    def tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL:])

    def dead(self) -> bool:
        """Whether a worker has ended."""
        return any(worker.process.poll() is not None for worker in self.workers)

    def mend(self) -> list[int]:
        """Start a worker anew in the place of each that ended; how they ended.

        Who is not accepted yet waits meanwhile: the socket stays open. Raises Unavailable where
        workers in one place end young again and again.
        """
        ended = []
        for at, worker in enumerate(self.workers):
            status = worker.process.poll()
            if status is None:
                continue
            self._forget(worker.process.pid)
            now = time.monotonic()
            early = worker.early_ends + 1 if now - worker.since_s < YOUNG_S else 0
            if early >= GIVE_UP:
                raise self.stopped("ended")
            self.workers[at] = Worker(self.spawn(at + 1), now, early)
            ended.append(status)
        return ended

    def _forget(self, pid: int) -> None:
        """A dead process holds nothing any more: its live gauges go."""
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid, str(self.metrics))  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Ask the workers to finish, wait, kill those that do not."""
        processes = [worker.process for worker in self.workers]
        for process in processes:
            process.terminate()
        until = time.monotonic() + STOP_S
        for process in processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.listening.close()

    def wait_ready(self, seconds: float = START_S) -> None:
        """Return once `/readyz` says yes; whose name the certificate bears is not looked at.

        Raises what it says where waiting will not help (NoModel), Unavailable with the last lines
        of the log where a worker ended or the time is up.
        """
        until = time.monotonic() + seconds
        last: LeadscoreError | None = None
        while time.monotonic() < until and not self.dead():
            try:
                answer = httpx.get(f"{self.url}/readyz", timeout=PROBE_S, verify=False)  # noqa: S501
                if answer.is_success:
                    return
                last = error_of(answer)
            except httpx.TransportError:
                last = None
            if last is not None and not last.retryable:
                raise last
            time.sleep(0.05)
        if last is not None and not self.dead():
            raise last
        raise self.stopped("did not become ready")

    def stopped(self, what: str) -> Unavailable:
        """The error of a server that does not serve."""
        return Unavailable(
            f"The server {what}. Its last words:\n{self.tail()}\n",
            rule="server-starts",
            todo=f"The whole log is {self.log}.",
        )


def start(settings: Settings, host: str, port: int, workers: int, service: str = SERVICE) -> Server:
    """Start worker processes on one socket; returns at once.

    Raises BadInput where the port is in use or the host is none of this machine, BadConfiguration
    where the certificate cannot be used, Missing where callers would need a credential and there
    is none.
    """
    home = settings.home.resolve()
    encrypted = tls_options(settings)
    listening = _listen(host, port)
    try:
        bound = listening.getsockname()[1]
        secured = msgspec.structs.replace(settings, access=access_at(settings, host))
        log = _fresh(home / "logs") / f"serving-{bound}.log"
        log.write_text(f"{_ACCESS[secured.access]}\n")
        metrics = _fresh(home / "bentoml" / f"metrics-{bound}", empty=True)
        environment = _environment(secured, home, metrics)
    except BaseException:
        listening.close()
        raise

    def spawn(number: int) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [*_command(service, listening.fileno(), number), *encrypted],
                cwd=_ROOT,
                env=environment,
                pass_fds=(listening.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if encrypted else "http"
    started = [Worker(spawn(n), time.monotonic()) for n in range(1, workers + 1)]
    said = _ACCESS[secured.access]
    return Server(f"{scheme}://{shown}:{bound}", listening, log, metrics, spawn, started, said)


def serve(
    settings: Settings, host: str, port: int, workers: int = 1, service: str = SERVICE
) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 then. A worker that ends is started anew.

    Raises BadInput (port in use), what `/readyz` says, or Unavailable where workers do not live.
    """
    with _until_told() as told:
        server = start(settings, host, port, workers, service)
        sys.stderr.write(f"{server.access}\n")
        try:
            server.wait_ready()
            sys.stderr.write(f"serving on {server.url}, log in {server.log}\n")
            while True:
                for status in server.mend():
                    sys.stderr.write(f"a worker ended ({status}); another is started\n")
                time.sleep(LOOK_S)
        except _Told:
            return 0
        finally:
            told.clear()
            server.stop()


@contextmanager
def running(settings: Settings, port: int = 0, service: str = SERVICE) -> Iterator[str]:
    """A ready server with one worker on this machine; yields its base URL. Port 0: a free one."""
    server = start(settings, "127.0.0.1", port, 1, service)
    try:
        server.wait_ready()
        yield server.url
    finally:
        server.stop()


class _Told(BaseException):
    """The process was told to end."""


@contextmanager
def _until_told() -> Iterator[dict[int, bool]]:
    """Make SIGTERM and SIGINT raise _Told, as long as the yielded dictionary holds them."""
    armed = {signal.SIGTERM.value: True, signal.SIGINT.value: True}

    def tell(number: int, _frame: FrameType | None) -> None:
        if armed.get(number):
            raise _Told

    before = {number: signal.signal(number, tell) for number in list(armed)}
    try:
        yield armed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as bad:
        listening.close()
        if isinstance(bad, OSError) and bad.errno == errno.EADDRINUSE:
            raise BadInput(
                f"Port {port} is in use.",
                rule="port-in-use",
                todo="Stop what listens there, or give another one with --port.",
            ) from None
        raise BadInput(f"Port {port} of host {host} cannot be opened.", rule="address") from bad
    return listening


def _fresh(folder: Path, *, empty: bool = False) -> Path:
    if empty:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _command(service: str, descriptor: int, number: int) -> list[str]:
    name = service.rpartition(":")[2]
    return [
        *(sys.executable, "-m", WORKER, service),
        *("--fd", str(descriptor), "--service-name", name, "--worker-id", str(number)),
        *("--timeout-graceful-shutdown", str(int(STOP_S))),
    ]


def _environment(settings: Settings, home: Path, metrics: Path) -> dict[str, str]:
    """This process's environment, handed on, with the settings and BentoML's folders in it."""
    policy, signers = Path(settings.policy), Path(settings.jwt_keys)
    return {
        **os.environ,
        **settings.environment(),
        "LEADSCORE_HOME": str(home),
        "LEADSCORE_POLICY": str(policy.resolve()) if policy.is_file() else settings.policy,
        "LEADSCORE_JWT_KEYS": str(signers.resolve()) if signers.is_file() else settings.jwt_keys,
        "LEADSCORE_AUDIT_SPOOL": settings.audit_spool and str(Path(settings.audit_spool).resolve()),
        "LEADSCORE_ANCHORS": settings.anchors_url
        or (settings.anchors and str(settings.anchors_file.resolve())),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(home / "bentoml"),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
    }
