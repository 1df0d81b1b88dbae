"""Starting and stopping the server.

The listening socket is opened here and inherited by BentoML's own worker processes (the script
that `bentoml serve` starts as well). So a port in use is found before anything is loaded, port 0
means a free one without a race, and BentoML is imported once per worker and in no supervisor:
half the start-up time. A worker that dies is started anew, for ever, after waits that grow; whoever
was not accepted yet waits, and is answered 503 while no worker lives. Workers end with the
supervisor (serving/worker.py), their log passes through it (serving/log_file.py).
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
import msgspec

from config.settings import Settings
from domain.errors import LeadscoreError, Unavailable
from serving.auth.factory import access_at
from serving.auth.tls import tls_options
from serving.listening import listen
from serving.log_file import LogFile, finish
from serving.problems import error_of_answer
from serving.stand_in import answer_for
from serving.termination import Terminated, until_told
from serving.worker import STOP_S
from telemetry.logs import told_once
from wiring.tidying import tidy

SERVICE = "serving.service:LeadScoring"
WORKER = "serving.worker"
START_S = 120.0
"""How long a server may take to become ready."""
PROBE_S = 5.0
"""How long one look at `/readyz` may take: a worker that ended meanwhile never answers it."""
YOUNG_S = 30.0
"""A worker that ends younger than this ends early: the next in its place is waited with."""
FIRST_WAIT_S, MOST_WAIT_S = 0.5, 30.0
"""The wait after a second early end in a row, which each further one doubles; the longest."""
LOOK_S = 0.1
WORDS_S = 2.0
"""How long the last words of workers that ended are waited for."""
_ACCESS = {
    "loopback": "access: programs on this machine need no credential; set "
    "LEADSCORE_ACCESS=required where a proxy passes requests on, or others use this machine",
    "required": "access: every caller needs a credential",
}
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class WorkerProcess:
    """A worker process, when it was started (monotonic, seconds), and the thread with its words."""

    process: subprocess.Popen[bytes]
    words: Thread
    since_s: float
    early_ends: int = 0
    """How often in a row one in its place ended young."""
    next_s: float | None = None
    """Once it has ended: when the next in its place may be started."""

    def ended(self, now: float) -> None:
        """Note its end: the first early one costs no wait, the following ever more."""
        self.early_ends = self.early_ends + 1 if now - self.since_s < YOUNG_S else 0
        doubled = FIRST_WAIT_S * 2.0 ** min(self.early_ends - 2, 16)
        self.next_s = now + (min(MOST_WAIT_S, doubled) if self.early_ends > 1 else 0.0)
        if self.process.stdin is not None:
            self.process.stdin.close()


@dataclass(frozen=True, slots=True)
class Server:
    """A started server: its address, the socket its workers share, its log."""

    url: str
    listening: socket.socket
    home: Path
    log: Path
    words: LogFile
    metrics: Path
    spawn: Callable[[int], tuple[subprocess.Popen[bytes], Thread]]
    resources: ExitStack
    access: str
    """Who needs a credential, in words."""
    workers: list[WorkerProcess] = field(default_factory=list)

    def tail(self) -> str:
        """The last lines of the log."""
        finish([w.words for w in self.workers if w.process.poll() is not None], WORDS_S)
        return self.words.tail()

    def dead(self) -> bool:
        """Whether a worker has ended."""
        return any(worker.process.poll() is not None for worker in self.workers)

    def open(self, workers: int) -> None:
        """Start so many workers."""
        for number in range(1, workers + 1):
            process, words = self.spawn(number)
            self.workers.append(WorkerProcess(process, words, time.monotonic()))

    def mend(self) -> list[int]:
        """Start a worker anew in the place of each that ended; how those ended that end now.

        Who is not accepted yet waits meanwhile: the socket stays open. Where workers end young
        again and again, and while the home is away, the next is waited with.
        """
        ended, now = [], time.monotonic()
        for at, worker in enumerate(self.workers):
            status = worker.process.poll()
            if status is None:
                continue
            if worker.next_s is None:
                worker.ended(now)
                self._forget(worker.process.pid)
                ended.append(status)
            if worker.next_s is not None and now >= worker.next_s and self.home.is_dir():
                self._replace(at, now)
        return ended

    def _replace(self, at: int, now: float) -> None:
        worker = self.workers[at]
        try:
            process, words = self.spawn(at + 1)
        except OSError:  # no memory, no descriptors: later, perhaps
            worker.next_s = now + MOST_WAIT_S
            return
        self.workers[at] = WorkerProcess(process, words, now, worker.early_ends)

    def _forget(self, pid: int) -> None:
        """A dead process holds nothing any more: its live gauges go."""
        from prometheus_client import multiprocess

        with suppress(OSError):
            multiprocess.mark_process_dead(pid, str(self.metrics))  # type: ignore[no-untyped-call]

    def wait(self, seconds: float = LOOK_S) -> None:
        """Let some time pass; where no worker lives, those who connect are told to come again."""
        alone = all(worker.process.poll() is not None for worker in self.workers)
        if not alone or self.url.startswith("https:"):
            time.sleep(seconds)
            return
        self.listening.settimeout(0.0)
        now = time.monotonic()
        left_s = min((w.next_s or now for w in self.workers), default=now) - now
        answer_for(self.listening, seconds, max(1, round(left_s)))

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
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        finish([worker.words for worker in self.workers], WORDS_S)
        self.listening.close()
        self.resources.close()

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
                last = error_of_answer(answer.status_code, answer.content)
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
    with ExitStack() as stack:
        listening = stack.enter_context(listen(host, port))
        bound = listening.getsockname()[1]
        secured = msgspec.structs.replace(settings, access=access_at(settings, host))
        home.mkdir(parents=True, exist_ok=True)
        tidy(secured)
        with suppress(OSError):  # a log that cannot be written stops nobody
            (home / "logs").mkdir(exist_ok=True)
        log = LogFile(home / "logs" / f"serving-{bound}.log")
        log.write(f"{told_once(settings.logs, _ACCESS[secured.access])}\n".encode())
        folder = _temporary(stack)
        environment = _environment(secured, home, folder)

        def spawn(number: int) -> tuple[subprocess.Popen[bytes], Thread]:
            process = subprocess.Popen(
                [*_command(service, listening.fileno(), number), *encrypted],
                cwd=_ROOT,
                env=environment,
                pass_fds=(listening.fileno(),),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
            )
            if process.stdout is None:
                raise AssertionError("it was asked for a pipe")
            return process, log.follow(process.stdout)

        shown = f"[{host}]" if ":" in host else host
        url = f"{'https' if encrypted else 'http'}://{shown}:{bound}"
        access_line = _ACCESS[secured.access]
        server = Server(
            url, listening, home, log.path, log, folder, spawn, stack.pop_all(), access_line
        )
    server.open(workers)
    return server


def _temporary(stack: ExitStack) -> Path:
    """A folder for metrics, and what BentoML keeps, until the server stops. Raises Unavailable."""
    from serving.metrics.metric_files import metrics_folder

    try:
        return stack.enter_context(metrics_folder())
    except OSError as bad:
        raise Unavailable(
            f"there is no room for temporary files: {bad.strerror}",
            rule="temporary-files",
            todo="Free some, or set TMPDIR to a folder with room.",
        ) from bad


def serve(
    settings: Settings, host: str, port: int, workers: int = 1, service: str = SERVICE
) -> int:
    """Serve until SIGTERM or SIGINT, then return 0. A worker that ends is restarted, without limit.

    Raises BadInput (port in use), what `/readyz` says, or Unavailable where it never became ready.
    """
    with until_told() as stop:
        server = start(settings, host, port, workers, service)
        sys.stderr.write(f"{server.access}\n")
        try:
            _wait_ready(server)
            sys.stderr.write(f"serving on {server.url}, log in {server.log}\n")
            while True:
                _say(server, server.mend())
                server.wait()
        except Terminated:
            return 0
        finally:
            stop.clear()
            server.stop()


def _wait_ready(server: Server) -> None:
    """Wait until it is ready; where something outside keeps a living server from it, say so.

    It answers 503 then, and is ready by itself once that is mended: a full disk, say.
    """
    try:
        server.wait_ready()
    except Unavailable as bad:
        if server.dead() or bad.rule == "server-starts":
            raise
        sys.stderr.write(f"not ready yet: {bad}\n")


def _say(server: Server, ended: list[int]) -> None:
    for status in ended:
        waits = [w.next_s - time.monotonic() for w in server.workers if w.next_s is not None]
        wait_s = max([0.0, *waits])
        when = f"in {wait_s:.0f} s" if wait_s >= 1 else "now"
        message = f"a worker ended ({status}); another is started {when}\n"
        sys.stderr.write(message)
        server.words.write(message.encode())


@contextmanager
def running(settings: Settings, port: int = 0, service: str = SERVICE) -> Iterator[str]:
    """A ready server with one worker on this machine; yields its base URL. Port 0: a free one."""
    server = start(settings, "127.0.0.1", port, 1, service)
    try:
        server.wait_ready()
        yield server.url
    finally:
        server.stop()


def _command(service: str, descriptor: int, number: int) -> list[str]:
    name = service.rpartition(":")[2]
    return [
        *(sys.executable, "-m", WORKER, service),
        *("--fd", str(descriptor), "--service-name", name, "--worker-id", str(number)),
        *("--timeout-graceful-shutdown", str(int(STOP_S))),
    ]


def _environment(settings: Settings, home: Path, folder: Path) -> dict[str, str]:
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
        "BENTOML_HOME": str(folder / "bentoml"),
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
    }
