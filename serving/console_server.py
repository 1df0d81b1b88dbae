"""The console by itself: one process on this machine, for the person who starts it."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep

import msgspec
import uvicorn

from config.home_definition import definition_of
from config.os_account import os_account
from config.settings import Settings
from console.app import BASE, console_app
from domain.errors import Missing, Unavailable
from serving.auth.console_gate import OwnerLink, ServiceGate
from serving.auth.factory import access_at, credentials_of, gate_rules
from serving.auth.tls import tls_options
from serving.listening import listen

START_S = 20.0
"""How long it may take to answer."""


class ConsoleServer:
    """The console on a socket. `link` is the address that logs its owner in, once."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        """Raises BadInput where the port is in use, Missing for no home or no live key.

        Raises Missing for an empty home, BadConfiguration for a damaged one.
        """
        if not settings.home.is_dir():
            raise Missing(
                "there is no home to look at",
                rule="home-present",
                where=str(settings.home),
                todo="`leadscore demo` makes one, and so does `leadscore ingest FILE`.",
            )
        definition_of(settings)
        secured = msgspec.structs.replace(settings, access=access_at(settings, host))
        owner = OwnerLink(_person(), os_account())
        self._credentials = credentials_of(secured)
        gate = ServiceGate(secured, self._credentials, gate_rules(secured, owner))
        self._socket = listen(host, port)
        tls = tls_options(secured)
        self._server = uvicorn.Server(
            uvicorn.Config(
                console_app(secured, gate),
                log_level="warning",
                access_log=False,
                server_header=False,
                ssl_certfile=tls[1] if tls else None,
                ssl_keyfile=tls[3] if tls else None,
            )
        )
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{shown}:{self._socket.getsockname()[1]}{BASE}"
        self.link = f"{self.url}/enter?word={owner.word}"

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._credentials.close()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve from a thread of this process; gives the address once it answers."""
        thread = Thread(target=self.run, daemon=True, name="console")
        thread.start()
        until = monotonic() + START_S
        while not self._server.started:
            if monotonic() > until or not thread.is_alive():
                raise Unavailable("the console did not start", rule="server-starts")
            sleep(0.02)
        try:
            yield self.url
        finally:
            self._server.should_exit = True
            thread.join(START_S)


def serve_console(settings: Settings, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve the console until it is interrupted; `tell` hears where it is."""
    server = ConsoleServer(settings, host, port)
    tell(f"the console is on {server.url}; this address logs you in, once:")
    tell(server.link)
    server.run()


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
