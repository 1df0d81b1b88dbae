"""Real receivers on this machine: a server of HTTP and one of SMTP, which keep what they get."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.servers import free_port


@dataclass
class Web:
    """What was posted; `status` is what it is answered with."""

    port: int = 0
    status: int = 200
    posted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/s3cret-path"


@contextmanager
def web_receiver(port: int = 0) -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if web.status == 200:
                web.posted.append(json.loads(body))
            self.send_response(web.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    web.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Mail:
    """Mails that arrived: subject and text."""

    port: int
    mails: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        host = f"127.0.0.1:{self.port}"
        return f"mailto://{host}?to=team@company.test&from=alerts@company.test&mode=insecure"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = mail.get_body(("plain", "html"))
        self.mails.append((str(mail["Subject"]), "" if text is None else text.get_content()))
        return "250 OK"


@contextmanager
def mail_receiver() -> Iterator[Mail]:
    mail = Mail(free_port())
    controller = Controller(mail, hostname="127.0.0.1", port=mail.port)
    controller.start()
    try:
        yield mail
    finally:
        controller.stop()
