"""A real Prometheus server that scrapes a page of the test's own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx

from tests.servers import Process, free_port, program, running

Lines = Callable[[int], Sequence[str]]
"""The lines of a page at its n-th scrape, from 1."""


@contextmanager
def metrics_page(lines: Lines) -> Iterator[str]:
    """Serve a page of metrics; gives its host and port."""

    class Page(BaseHTTPRequestHandler):
        scrapes = 0

        def do_GET(self) -> None:
            Page.scrapes += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(("\n".join(lines(Page.scrapes)) + "\n").encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def prometheus(lines: Lines, folder: Path) -> Iterator[str]:
    """Start a server that scrapes such a page every second; gives its base URL."""
    port = free_port()
    file = folder / "prometheus.yml"
    command = [program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder}/d"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200

    with metrics_page(lines) as target:
        file.write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n"
            f"  - {{job_name: s, static_configs: [{{targets: ['{target}']}}]}}\n"
        )
        with running(Process(command, port, folder / "log", ready)):
            yield url
