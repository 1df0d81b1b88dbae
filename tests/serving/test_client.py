"""Both clients against the running service, and against servers that misbehave."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import pytest

from leadscore_client import (
    AsyncClient,
    Client,
    ClientError,
    InvalidRequest,
    NotFound,
    Retries,
    ServiceError,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
)
from leadscore_client.retries import retry_after_s
from leadscore_client.types import Event
from serving.http import openapi_examples
from tests.serving.double import KNOWN

T = TypeVar("T")
EVENT = Event(id="c-1", source="crm", type="crm.deal_won", time=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(url, sleep=lambda _: None) as made:
        yield made


def asynchronously(url: str, work: Callable[[AsyncClient], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with AsyncClient(url, **options) as client:
            return await work(client)

    return asyncio.run(run())


def test_a_round_trip_of_every_call(client: Client) -> None:
    answer = client.score(KNOWN[1])
    assert client.score(identifiers={"crm_id": "1"}).lead_id == answer.lead_id
    assert client.decision(answer.decision_id).answer == answer
    batch = client.score_batch([KNOWN[0], "nobody"])
    assert (batch.answers[0].lead_id, batch.unknown) == (KNOWN[0], ["nobody"])
    assert client.what_if({"employees": 900}, lead_id=KNOWN[0]).after.score == 0.38
    assert client.send_events([EVENT, EVENT]).duplicates == 1
    assert list(client.decisions(lead_id=KNOWN[0], grade="A")) == []
    lead = openapi_examples.STANDING["lead_id"]
    assert client.standing(lead).actions == ("accept", "reject")
    with pytest.raises(Unauthenticated):  # it is signed: who acts needs a credential here, too
        client.act(lead, "accept", request_id="a")


def test_a_round_trip_of_every_asynchronous_call(url: str) -> None:
    async def work(client: AsyncClient) -> None:
        answer = await client.score(KNOWN[1])
        assert (await client.decision(answer.decision_id)).answer == answer
        batch = await client.score_batch([KNOWN[0], "nobody"])
        assert batch.unknown == ["nobody"]
        assert (await client.what_if({"employees": 900}, lead_id=KNOWN[0])).lead_id
        assert (await client.send_events([EVENT])).received == 1
        assert [one async for one in client.decisions(lead_id=KNOWN[0])] == []
        assert (await client.standing(openapi_examples.STANDING["lead_id"])).owner == "anna"
        with pytest.raises(NotFound):
            await client.score("nobody")
        several = await asyncio.gather(*(client.score(lead) for lead in KNOWN))
        assert [one.lead_id for one in several] == list(KNOWN)

    asynchronously(url, work)


def test_errors_are_told_apart(client: Client) -> None:
    with pytest.raises(NotFound) as unknown:
        client.score("nobody")
    assert (unknown.value.rule, unknown.value.status) == ("unknown-lead", 404)
    assert len(unknown.value.trace_id) == 32
    with pytest.raises(NotFound):
        client.decision("no/such decision?")
    with pytest.raises(InvalidRequest):
        client.score()
    with pytest.raises(InvalidRequest):
        list(client.leads(grade="Z"))  # type: ignore[arg-type]
    with pytest.raises(Unauthenticated):
        client.approve("lead-3", "model", reason="seen")
    assert [one.version for one in client.approvals()] == ["lead-3"]
    with pytest.raises(ServiceError) as failed:
        client.score(identifiers={"crm_id": "bug"})
    assert (failed.value.status, type(failed.value)) == (500, ServiceError)


def test_nobody_there_is_unreachable() -> None:
    with Client("http://127.0.0.1:1") as nowhere, pytest.raises(Unreachable):
        nowhere.score(KNOWN[0])

    async def work(client: AsyncClient) -> None:
        with pytest.raises(Unreachable):
            await client.score(KNOWN[0])

    asynchronously("http://127.0.0.1:1", work)


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


RETRIES = [
    (503, {"retry-after": "2"}, 3),
    (503, {}, 1),
    (503, {"retry-after": "3600"}, 1),
    (503, {"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, 1),
    (503, {"retry-after": "soon"}, 1),
    (500, {"retry-after": "2"}, 1),
    (429, {"retry-after": "2"}, 3),
    (429, {}, 1),
]


@pytest.mark.parametrize(("status", "headers", "tries"), RETRIES)
def test_only_503_and_429_with_retry_after_are_tried_again(
    status: int, headers: dict[str, str], tries: int
) -> None:
    waits: list[float] = []
    with answering(status, headers) as asked:
        with Client(asked[0], sleep=waits.append) as client, pytest.raises(UnexpectedAnswer):
            client.decision("x")
        assert len(asked) - 1 == tries
    assert waits == [2.0] * (tries - 1)


@pytest.mark.parametrize(("status", "headers", "tries"), RETRIES)
def test_the_asynchronous_client_tries_again_alike(
    status: int, headers: dict[str, str], tries: int
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def work(client: AsyncClient) -> None:
        with pytest.raises(UnexpectedAnswer):
            await client.decision("x")

    with answering(status, headers) as asked:
        asynchronously(asked[0], work, sleep=sleep)
        assert len(asked) - 1 == tries
    assert waits == [2.0] * (tries - 1)


def test_a_date_is_waited_for_and_none_in_the_past() -> None:
    now = datetime(2026, 10, 21, 7, 27, 57, tzinfo=UTC)
    assert retry_after_s("Wed, 21 Oct 2026 07:28:00 GMT", now) == 3.0
    assert retry_after_s("Tue, 20 Oct 2026 07:28:00 GMT", now) == 0.0
    assert [retry_after_s(text, now) for text in ("", "-1", "1.5", "²")] == [None] * 4


def test_what_is_no_answer_of_the_service_is_told() -> None:
    with (
        answering(200, {}, b'{"other": 1}') as asked,
        Client(asked[0]) as client,
        pytest.raises(UnexpectedAnswer) as unexpected,
    ):
        client.decision("x")
    assert unexpected.value.rule == "answer-known"


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="attempts == 0"):
        Retries(attempts=0)
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="api_key and token"):
            kind("http://127.0.0.1:1", api_key="a", token="b")


def test_a_token_is_asked_for_anew_at_each_attempt() -> None:
    given = iter(["one", "two", "three"])
    with answering(503, {"retry-after": "1"}) as asked:
        with (
            Client(asked[0], token=lambda: next(given), sleep=lambda _: None) as client,
            pytest.raises(ClientError),
        ):
            client.decision("x")
        assert len(asked) - 1 == 3
    assert next(given, None) is None
