"""Real HTTP servers on this machine that keep the limits of those whom effects reach."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, dict[str, str], Any]
"""Status, headers, a JSON document."""


@dataclass
class Request:
    """What was asked: method, path, headers by lower-case name, body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@contextmanager
def server(answer: Callable[[Request], Answer]) -> Iterator[str]:
    """A server that answers so; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # its sender died
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, document = answer(Request(self.command, self.path, headers, body))
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # as here
                self.wfile.write(content)

        do_POST = do_PATCH = do_GET = serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()


@dataclass
class Hooks:
    """A receiver of web hooks that does each id once; `script` has answers that come first."""

    script: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    done: dict[str, bytes] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(request)
            if self.script:
                return self.script.pop(0)
            key = request.headers["webhook-id"]
            self.seen[key] += 1
            assert self.done.setdefault(key, request.body) == request.body, "one id, one message"
            return 200, {}, {}


@dataclass
class HubSpot:
    """A portal of contacts: 100 inputs a request, each id once, known properties, limited rate."""

    contacts: dict[str, dict[str, str]]
    properties: frozenset[str] = frozenset({"lead_score", "lead_grade", "owner", "lead_reasons"})
    token: str = "t0ken"
    allowed: int = 1_000_000
    requests: int = 0
    sizes: list[int] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    policy: str = "TEN_SECONDLY_ROLLING"
    retry_after: str | None = "3"

    def answer(self, request: Request) -> Answer:
        self.requests += 1
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"status": "error", "category": "INVALID_AUTHENTICATION"}
        if self.requests > self.allowed:
            return self._busy()
        assert request.path == "/crm/v3/objects/contacts/batch/update"
        inputs = request.document["inputs"]
        self.sizes.append(len(inputs))
        ids = [one["id"] for one in inputs]
        if len(inputs) > 100 or len(set(ids)) < len(ids):
            return 400, {}, {"status": "error", "category": "VALIDATION_ERROR"}
        for one in inputs:
            if set(one["properties"]) - self.properties or one["properties"].get("owner") == "bad":
                message = f"Property values were not valid: {one}"
                return 400, {}, {"category": "VALIDATION_ERROR", "message": message}
        return self._write(inputs)

    def _busy(self) -> Answer:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        document = {"errorType": "RATE_LIMIT", "policyName": self.policy, "message": "limit"}
        return 429, headers, document

    def _write(self, inputs: list[dict[str, Any]]) -> Answer:
        unknown = [one["id"] for one in inputs if one["id"] not in self.contacts]
        known = [one for one in inputs if one["id"] in self.contacts]
        for one in known:
            self.contacts[one["id"]].update(one["properties"])
            self.writes[one["id"]] += 1
        results = [{"id": one["id"], "properties": self.contacts[one["id"]]} for one in known]
        if not unknown:
            return 200, {}, {"status": "COMPLETE", "results": results}
        error = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Could not get some CONTACT objects {unknown}",
            "context": {"ids": unknown},
        }
        return 207, {}, {"results": results, "errors": [error], "numErrors": 1}


@dataclass
class Salesforce:
    """An organisation: 200 records a request, tokens that run out, a daily number of requests."""

    leads: dict[str, dict[str, Any]]
    secret: str = "cl1ent-secret"
    tokens: int = 0
    good_for: int = 1_000_000
    left: int = 1_000_000
    used: int = 0
    locked: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        if request.path == "/services/oauth2/token":
            return self._token(parse_qs(request.body.decode()))
        self.used += 1
        if (
            request.headers.get("authorization") != f"Bearer token-{self.tokens}"
            or self.used > self.good_for
        ):
            return 401, {}, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}]
        if self.left <= 0:
            return 403, {}, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}]
        self.left -= 1
        assert (request.method, request.path) == (
            "PATCH",
            "/services/data/v62.0/composite/sobjects",
        )
        body = request.document
        assert body["allOrNone"] is False
        self.sizes.append(len(body["records"]))
        if len(body["records"]) > 200:
            return 400, {}, [{"errorCode": "EXCEEDED_ID_LIMIT", "message": "too many"}]
        return 200, {}, [self._save(record) for record in body["records"]]

    def _token(self, form: dict[str, list[str]]) -> Answer:
        if form.get("client_secret") != [self.secret] or form["grant_type"] != [
            "client_credentials"
        ]:
            return 400, {}, {"error": "invalid_client", "error_description": "no"}
        self.tokens += 1
        self.used = 0
        return 200, {}, {"access_token": f"token-{self.tokens}", "token_type": "Bearer"}

    def _save(self, record: dict[str, Any]) -> dict[str, Any]:
        assert record.pop("attributes") == {"type": "Lead"}
        number = record.pop("id")
        if number in self.locked:
            self.locked.discard(number)
            return _failed("UNABLE_TO_LOCK_ROW")
        if number not in self.leads:
            return _failed("ENTITY_IS_DELETED")
        self.leads[number].update(record)
        return {"id": number, "success": True, "errors": []}


def _failed(code: str) -> dict[str, Any]:
    error = {"statusCode": code, "message": "of jo@example.com", "fields": []}
    return {"success": False, "errors": [error]}
