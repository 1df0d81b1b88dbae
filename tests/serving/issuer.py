"""An issuer of tokens for tests: key pairs, tokens, and a key set over HTTP that may go away."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.example", "leadscore"
_MAKERS: dict[str, Any] = {
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}


class Issuer:
    """Signs tokens with the newest key of each algorithm, or with whichever is named."""

    def __init__(self) -> None:
        self.private: dict[str, tuple[str, Any]] = {}
        self.public: list[dict[str, Any]] = []
        self.asked = 0
        self.away = False
        self.url = ""
        for algorithm in _MAKERS:
            self.add(algorithm, algorithm.lower())

    def add(self, algorithm: str, kid: str) -> None:
        """A new key; its public part joins the set."""
        make, form = _MAKERS[algorithm]
        private = make()
        self.private[kid] = (algorithm, private)
        self.public.append({**form.to_jwk(private.public_key(), as_dict=True), "kid": kid})

    def document(self) -> bytes:
        return json.dumps({"keys": self.public}).encode()

    def token(self, kid: str = "es256", **claims: Any) -> str:
        """A good token, but for whatever claims are given; None leaves one out."""
        algorithm, private = self.private[kid]
        return jwt.encode(claims_of(claims), private, algorithm=algorithm, headers={"kid": kid})


def claims_of(claims: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": time.time() + 300,
        "scope": "score read",
        "sub": "jo.doe@example.com",
    }
    return {name: value for name, value in {**usual, **claims}.items() if value is not None}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer whose key set is served at `url`."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            body = b"" if issuer.away else issuer.document()
            self.send_response(503 if issuer.away else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        issuer.url = f"http://127.0.0.1:{server.server_port}/keys"
        yield issuer
        server.shutdown()
        thread.join()
