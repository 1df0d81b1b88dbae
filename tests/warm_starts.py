"""Processes of Python that tests begin, forked from one that has loaded the libraries.

Most of what a service or a command takes to start is loading libraries, in each process anew. A
process that has them, one for all that run tests, forks for each `python -m` that `subprocess`
begins: the child has the arguments, folder, variables, streams and process group that it would
have had, and ends as it would have ended. What differs from the loading process in the variables
of FIXED is begun as it is; with LEADSCORE_SOAK=1 everything is.
"""

import array
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

PLACE = "TESTS_WARM_STARTS"
"""The variable that says where the loading process listens."""
MODULES = frozenset({"leadscore", "serving.worker"})
"""What is begun so."""
FIXED = ("PYTHON", "NUMBA_", "XDG_CACHE", "LD_", "OMP_", "PROMETHEUS_DISABLE")
"""How the names of variables begin that libraries read while they are loaded."""
LOADED = (
    *("serving.service", "wiring.serving", "_bentoml_impl.worker.service"),
    *("_bentoml_impl.server.app", "leadscore.cli", "jobs.models.train", "catboost"),
    *("jobs.decisions.verify_home", "jobs.models.rollouts", "registry.tracking", "mlflow"),
    *("jobs.effects.delivery", "jobs.signals.ingest_files", "jobs.signals.worker"),
    *("jobs.decisions.batch_scoring", "signals.stream.nats", "scipy.linalg"),
)
LARGEST = 1 << 20
"""Bytes of a request: arguments and variables."""
_ROOT = Path(__file__).parents[1]


def fixed(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that must be those of the loading process."""
    return {name: value for name, value in environment.items() if name.startswith(FIXED)}


class WarmPopen(subprocess.Popen[Any]):
    """As `subprocess.Popen`; what can be forked is."""

    _status: int | None = None

    def _execute_child(self, args: Any, *others: Any) -> None:
        names = (
            *("executable", "preexec_fn", "close_fds", "pass_fds", "cwd", "env", "startupinfo"),
            *("creationflags", "shell", "p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread"),
            *("errwrite", "restore_signals", "gid", "gids", "uid", "umask", "start_new_session"),
            "process_group",
        )
        of = dict(zip(names, others, strict=True))
        environment = dict(os.environ if of["env"] is None else of["env"])
        usual = (
            (of["executable"] is None and of["preexec_fn"] is None and not of["shell"])
            and (of["gid"], of["gids"], of["uid"]) == (None, None, None)
            and (of["umask"], of["process_group"]) == (-1, -1)
        )
        place = os.environ.get(PLACE)
        if not (usual and place and _is_ours(args) and fixed(environment) == fixed(os.environ)):
            super()._execute_child(args, *others)  # type: ignore[misc]
            return
        streams = [
            standard if given == -1 else given
            for standard, given in enumerate((of["p2cread"], of["c2pwrite"], of["errwrite"]))
        ]
        mine, theirs = os.pipe()
        try:
            said = {
                "words": [os.fspath(word) for word in args[2:]],
                "folder": os.fspath(of["cwd"] or Path.cwd()),
                "environment": environment,
                "descriptors": [0, 1, 2, *of["pass_fds"]],
                "session": of["start_new_session"],
            }
            self.pid = _ask(place, said, [*streams, *of["pass_fds"], theirs])
        except BaseException:
            os.close(mine)
            raise
        finally:
            os.close(theirs)
        self._status = mine
        self._child_created = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(of[name] for name in ends))  # type: ignore[attr-defined]

    def _internal_poll(self, *given: Any, **named: Any) -> int | None:
        if self._status is None or self.returncode is not None:
            return super()._internal_poll(*given, **named)  # type: ignore[misc,no-any-return]
        self._ended(wait=False)
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._status is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc,no-any-return]
        status = self._ended(wait=not wait_flags & os.WNOHANG)
        return (0, 0) if status is None else (self.pid, status)

    def _ended(self, *, wait: bool) -> int | None:
        assert self._status is not None
        poller = select.poll()  # `select.select` knows the first 1,024 descriptors alone
        poller.register(self._status, select.POLLIN)
        if not wait and not poller.poll(0):
            return None
        read = os.read(self._status, 16)
        status = int(read) if read else int(signal.SIGKILL)
        os.close(self._status)
        self._status = None
        self.returncode = os.waitstatus_to_exitcode(status)
        return status


def _is_ours(args: Any) -> bool:
    if not isinstance(args, list | tuple) or len(args) < 3:
        return False
    return args[0] == sys.executable and args[1] == "-m" and args[2] in MODULES


def _ask(place: str, said: Mapping[str, object], descriptors: Sequence[int]) -> int:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(place)
        message = json.dumps(said).encode()
        header = len(message).to_bytes(4, "big")
        asking.sendmsg(
            [header], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        )
        asking.sendall(message)
        answer = asking.recv(16)
        if not answer:
            raise OSError("the process that has loaded the libraries has ended")
        return int(answer)


def install() -> None:
    """Make `subprocess` begin processes so, here. Asyncio's own are begun as they are."""
    import asyncio.unix_events

    if subprocess.Popen is not WarmPopen:
        own = types.SimpleNamespace(**vars(subprocess))
        setattr(asyncio.unix_events, "subprocess", own)  # noqa: B010 (no public name)
        subprocess.Popen = WarmPopen  # type: ignore[misc]


@contextmanager
def listening(folder: Path) -> Iterator[None]:
    """Have a process listen, which loads the libraries once it is asked, and ends with this one."""
    place = folder / "warm"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(place))
    server.listen(64)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm_starts", str(server.fileno())],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        pass_fds=(server.fileno(),),
    )
    server.close()
    os.environ[PLACE] = str(place)
    try:
        yield
    finally:
        del os.environ[PLACE]
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def main() -> None:
    """Listen on a descriptor; in what is forked, be the program that was asked for."""
    server = socket.socket(fileno=int(sys.argv[1]))
    loaded = False
    while True:
        ready, _, _ = select.select([server.fileno(), 0], [], [])
        if 0 in ready:
            return
        asking, _ = server.accept()
        if not loaded:
            for name in LOADED:
                import_module(name)
            gc.collect()
            gc.freeze()
            loaded = True
        said, descriptors = _heard(asking)
        if os.fork():
            asking.close()
            for descriptor in descriptors:
                os.close(descriptor)
            _reap()
            continue
        server.close()
        child = os.fork()
        if not child:
            break
        asking.close()
        _mind(child, descriptors)
    _become(said, descriptors, asking)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _heard(asking: socket.socket) -> tuple[dict[str, Any], list[int]]:
    header, descriptors, _, _ = socket.recv_fds(asking, 4, 64)
    rest, size = b"", int.from_bytes(header, "big")
    assert size <= LARGEST
    while len(rest) < size:
        rest += asking.recv(size - len(rest))
    return json.loads(rest), list(descriptors)


def _mind(child: int, descriptors: list[int]) -> None:
    """Wait for a child, say how it ended, and end."""
    *others, status = descriptors
    for descriptor in others:
        os.close(descriptor)
    for stream in (0, 1, 2):
        os.close(stream)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _, ended = os.waitpid(child, 0)
    with suppress(OSError):
        os.write(status, str(ended).encode())
    os._exit(0)


def _become(said: Mapping[str, Any], descriptors: list[int], asking: socket.socket) -> None:
    if said["session"]:
        os.setsid()
    *given, status = descriptors
    os.close(status)
    above = max(*given, *said["descriptors"], asking.fileno()) + 1
    asked = os.dup2(asking.fileno(), above)
    asking.close()
    high = [os.dup2(one, above + 1 + place) for place, one in enumerate(given)]
    for one in given:
        os.close(one)
    for one, wanted in zip(high, said["descriptors"], strict=True):
        os.dup2(one, wanted, inheritable=True)
        os.close(one)
    os.environ.clear()
    os.environ.update(said["environment"])
    os.chdir(said["folder"])
    _settle_metrics()
    sys.path[0] = said["folder"]
    os.write(asked, str(os.getpid()).encode())
    os.close(asked)
    module, *words = said["words"]
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _settle_metrics() -> None:
    """Whether metrics are shared among processes is settled by a variable, at the first import."""
    from prometheus_client import values

    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
