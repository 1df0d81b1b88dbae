"""The client against the running service, and against servers that misbehave."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from domain.clock import parse_iso
from domain.errors import BadInput, Missing, Unavailable, UnknownLead
from domain.signals import Signal
from serving.client import Client, ServiceFailed
from tests.serving.double import KNOWN


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(url, sleep=lambda _: None) as made:
        yield made


def test_a_round_trip_of_every_call(client: Client) -> None:
    answer = client.score(KNOWN[1])
    assert client.score(identifiers={"crm_id": "1"}).lead_id == answer.lead_id
    assert client.decision(answer.decision_id).answer == answer
    batch = client.score_batch([KNOWN[0], "nobody"])
    assert (batch.answers[0].lead_id, batch.unknown) == (KNOWN[0], ["nobody"])
    event = Signal(id="c-1", source="crm", type="crm.deal_won", time=parse_iso("2026-01-01"))
    assert client.send_events([event, event]).duplicates == 1
    assert [lead["lead_id"] for lead in client.leads(limit=3)] == list(KNOWN)


def test_errors_come_back_as_the_domains_own(client: Client) -> None:
    with pytest.raises(UnknownLead) as unknown:
        client.score("nobody")
    assert unknown.value.rule == "unknown-lead"
    with pytest.raises(Missing):
        client.decision("no/such decision?")
    with pytest.raises(BadInput):
        client.score()
    with pytest.raises(BadInput):
        list(client.leads(grade="Z"))
    with pytest.raises(ServiceFailed) as failed:
        client.score(identifiers={"crm_id": "bug"})
    assert failed.value.status == 500


def test_no_server_is_unavailable(url: str) -> None:
    with Client("http://127.0.0.1:1") as nowhere, pytest.raises(Unavailable):
        nowhere.score(KNOWN[0])


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes = b"") -> Iterator[list[str]]:
    """A server that always answers the same; yields its address, then the paths asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        asked.append(f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "headers", "tries"),
    [
        (503, {"retry-after": "2"}, 3),
        (503, {}, 1),
        (503, {"retry-after": "3600"}, 1),
        (503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
        (500, {"retry-after": "2"}, 1),
        (429, {"retry-after": "2"}, 3),
        (429, {}, 1),
    ],
)
def test_only_503_and_429_with_retry_after_are_tried_again(
    status: int, headers: dict[str, str], tries: int
) -> None:
    waits: list[float] = []
    with answering(status, headers) as asked:
        with Client(asked[0], sleep=waits.append) as client, pytest.raises(ServiceFailed):
            client.decision("x")
        assert len(asked) - 1 == tries
    assert waits == [2.0] * (tries - 1)


def test_a_client_of_no_attempts_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts == 0"):
        Client("http://127.0.0.1:1", attempts=0)


def test_a_client_of_two_credentials_is_refused() -> None:
    with pytest.raises(ValueError, match="api_key and token"):
        Client("http://127.0.0.1:1", api_key="a", token="b")


def test_a_token_is_asked_for_anew_at_each_attempt() -> None:
    given = iter(["one", "two", "three"])
    with answering(503, {"retry-after": "1"}) as asked:
        with (
            Client(asked[0], token=lambda: next(given), sleep=lambda _: None) as client,
            pytest.raises(ServiceFailed),
        ):
            client.decision("x")
        assert len(asked) - 1 == 3
    assert next(given, None) is None
