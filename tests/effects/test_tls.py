"""Connections go to the address that was checked, and still ask for the certificate of the name."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from workflow.connectors.address_guard import networks
from workflow.connectors.guarded_http import GuardedHttp, HttpAnswer, HttpFailure, HttpRequest

NAME = "hooks.example"
GET = HttpRequest("GET", "/x", {}, b"")


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate of NAME, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


class Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """The port of a server that has the certificate, and a context that trusts it."""
    certificate, key = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running.server_port, ssl.create_default_context(cafile=str(certificate))
    running.shutdown()
    running.server_close()


def asked(host: str, port: int, trust: ssl.SSLContext | None) -> HttpAnswer | HttpFailure:
    http = GuardedHttp(
        "hook",
        f"https://{host}:{port}/",
        timeout_s=5.0,
        private=networks(["127.0.0.0/8"]),
        resolve=lambda *_: ["127.0.0.1"],
        trust=trust,
    )
    return http.ask(GET)


def test_the_certificate_is_that_of_the_name(secure: tuple[int, ssl.SSLContext]) -> None:
    port, trust = secure
    assert isinstance(asked(NAME, port, trust), HttpAnswer)
    for host, trusted in (("other.example", trust), (NAME, None)):
        failure = asked(host, port, trusted)
        assert isinstance(failure, HttpFailure)
        assert failure.rule == "receiver-away"
