"""Waiting for what must be so: never for a time."""

import subprocess
import time
from collections.abc import Callable

import httpx

PATIENCE_S = 240.0
"""However busy the machine: who waits in vain fails, and only then is it long."""
LOOK_EVERY_S = 0.02
START_S = 180.0


def until(
    condition: Callable[[], object],
    patience: float = PATIENCE_S,
    *,
    what: str | Callable[[], str] = "it did not come about",
    every: float = LOOK_EVERY_S,
) -> None:
    """Return once the condition holds; fail, saying what is missing, where patience ends first."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(every)


def until_answered(url: str, server: "subprocess.Popen[bytes]", patience: float = START_S) -> None:
    """Return once a server that was started answers 200 at an address; it must not end before."""

    def answers() -> bool:
        assert server.poll() is None, f"the server of {url} ended: {server.returncode}"
        try:
            return httpx.get(url, timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    until(answers, patience, what=f"{url} does not answer 200", every=0.1)
