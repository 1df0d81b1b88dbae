"""Every way to ask wrongly ends in a problem document, without personal data, and never in 5xx."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.http.read_routes import failed
from serving.http.schemas import MAX_BODY_BYTES
from serving.problems import Problem
from tests.serving.double import KNOWN, SECRET

FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = {"content-type": "application/json"}
POSTS = ("/score", "/score_batch", "/events")
PERSON = "jo.doe@example.com"


def problem_of(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    said = msgspec.json.decode(answer.content, type=Problem, strict=True)
    assert said.status == answer.status_code >= 400
    assert said.type.startswith("urn:leadscore:problem:")
    assert said.instance.startswith("urn:leadscore:trace:")
    assert said.title
    assert said.detail
    assert "Traceback" not in answer.text
    assert PERSON not in answer.text
    assert SECRET not in answer.text
    return said


BAD_BODIES: list[tuple[str, bytes, int, str]] = [
    ("/score", b"", 400, "json-well-formed"),
    ("/score", b"{", 400, "json-well-formed"),
    ("/score", b"\xff\xfe", 400, "json-well-formed"),
    ("/score", b"[" * 100_000, 400, "json-well-formed"),
    ("/score", b'{"lead_id": "\\ud800"}', 400, "json-well-formed"),
    ("/score", b"null", 422, "body-valid"),
    ("/score", b"[]", 422, "body-valid"),
    ("/score", b"{}", 422, "lead-or-identifiers"),
    ("/score", b'{"lead_id": null}', 422, "lead-or-identifiers"),
    ("/score", b'{"lead_id": ""}', 422, "body-valid"),
    ("/score", b'{"lead_id": 7}', 422, "body-valid"),
    ("/score", b'{"lead_id": "a", "identifiers": {"email": "b"}}', 422, "lead-or-identifiers"),
    ("/score", b'{"identifiers": {}}', 422, "body-valid"),
    ("/score", b'{"identifiers": {"jo.doe@example.com": "x"}}', 422, "identifier-kind"),
    ("/score", b'{"identifiers": {"email": ["jo.doe@example.com"]}}', 422, "body-valid"),
    ("/score", b'{"jo.doe@example.com": 1}', 422, "body-valid"),
    ("/score", b'{"lead_id": "jo.doe@example.com"}', 404, "unknown-lead"),
    ("/score", b'{"identifiers": {"crm_id": "down"}}', 503, "features-unavailable"),
    ("/score", b'{"identifiers": {"crm_id": "bug"}}', 500, "internal"),
    ("/score_batch", b'{"lead_ids": []}', 422, "body-valid"),
    ("/score_batch", b'{"lead_ids": "abc"}', 422, "body-valid"),
    ("/score_batch", b'{"lead_ids": ["a", null]}', 422, "body-valid"),
    ("/events", b'{"events": []}', 422, "body-valid"),
    ("/events", b'{"events": ["\xff"]}', 400, "json-well-formed"),
    ("/events", b'{"events": {}}', 422, "body-valid"),
]


@pytest.mark.parametrize(("path", "body", "status", "rule"), BAD_BODIES)
def test_a_bad_body_is_told_what_it_breaks(
    http: httpx.Client, path: str, body: bytes, status: int, rule: str
) -> None:
    said = problem_of(http.post(path, content=body, headers=JSON))
    assert (said.status, said.rule) == (status, rule)


BAD_QUERIES = [
    *("limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "grade=E", "grade=", "min_score=2"),
    *("min_score=nan", "min_score=-0.1", "cursor=", "cursor=made-up", "jo.doe@example.com=1"),
    *("queue=" + "q" * 65, "limit=99999999999999999999999", "min_score=1e999"),
]


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_bad_query_is_told_what_it_breaks(http: httpx.Client, query: str) -> None:
    assert problem_of(http.get(f"/leads?{query}")).status == 422


@pytest.mark.parametrize(
    "path", ["/nothing", "/decisions/", "/decision/a", "/", "//score", "/score/"]
)
def test_an_unknown_route_is_a_problem(http: httpx.Client, path: str) -> None:
    assert problem_of(http.get(path, follow_redirects=False)).status in {404, 405}


def test_an_unknown_decision_is_a_problem(http: httpx.Client) -> None:
    said = problem_of(http.get(f"/decisions/{PERSON}"))
    assert (said.status, said.rule) == (404, "unknown-decision")


@pytest.mark.parametrize(
    ("method", "path"),
    [*(("GET", path) for path in POSTS), ("POST", "/leads"), ("DELETE", "/decisions/x")],
)
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(
    http: httpx.Client, method: str, path: str
) -> None:
    answer = http.request(method, path)
    said = problem_of(answer)
    assert (said.status, said.rule) == (405, "method-not-allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "media", ["text/plain", "application/vnd.bentoml+pickle", "multipart/form-data; boundary=x"]
)
def test_only_json_is_taken(http: httpx.Client, media: str) -> None:
    answer = http.post("/score", content=b"x", headers={"content-type": media})
    assert problem_of(answer).rule == "json-only"


def test_json_with_a_charset_is_taken(http: httpx.Client) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    body = msgspec.json.encode({"lead_id": KNOWN[0]})
    assert http.post("/score", content=body, headers=headers).status_code == 200


def test_a_body_that_says_it_is_too_large_is_refused_unread(url: str) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as raw:
        head = f"POST /events HTTP/1.1\r\nhost: x\r\ncontent-length: {MAX_BODY_BYTES + 1}\r\n\r\n"
        raw.sendall(head.encode())
        said = raw.recv(65536).lower()
    assert said.startswith(b"http/1.1 413")
    assert b"application/problem+json" in said


def test_a_body_in_pieces_is_refused_where_they_are_too_many(http: httpx.Client) -> None:
    pieces = (b" " * (1 << 20) for _ in range(11))
    said = problem_of(http.post("/events", content=pieces, headers=JSON))
    assert (said.status, said.rule) == (413, "body-too-large")


def test_a_body_of_the_largest_size_is_read(http: httpx.Client) -> None:
    body = b'{"events": [1]}'.ljust(MAX_BODY_BYTES)
    assert http.post("/events", content=body, headers=JSON).status_code == 200


def test_what_may_come_back_says_when_to_try_again(http: httpx.Client) -> None:
    answer = http.post("/score", json={"identifiers": {"crm_id": "down"}})
    assert answer.headers["retry-after"].isdecimal()


def test_a_library_that_is_missing_is_a_problem_that_names_its_extra() -> None:
    answer = failed(ModuleNotFoundError("No module named 'evidently.x'", name="evidently.x"))
    problem = msgspec.json.decode(answer.body, type=Problem)
    assert (answer.status_code, problem.rule) == (503, "extra-installed")
    assert problem.detail.endswith('Run: pip install "leadscore[monitor]"')
    answer = failed(ModuleNotFoundError("No module named 'x'", name="x"))
    assert msgspec.json.decode(answer.body, type=Problem).rule == "internal"


def test_a_problem_carries_the_trace_of_its_request(http: httpx.Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    for answer in (
        http.post("/score", json={"lead_id": "nobody"}, headers=headers),
        http.post("/score", json={}, headers=headers),
        http.get("/nothing", headers=headers),
    ):
        assert problem_of(answer).instance.endswith(trace)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["lead_id", "identifiers", "lead_ids", "events", "email"])
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@FUZZ
@given(path=st.sampled_from(POSTS), body=st.binary(max_size=200))
def test_no_bytes_make_it_fail(http: httpx.Client, path: str, body: bytes) -> None:
    problem = problem_of(http.post(path, content=body, headers=JSON))
    assert problem.status in {400, 422}


@FUZZ
@given(path=st.sampled_from(POSTS), value=JSON_VALUES)
def test_no_json_makes_it_fail(http: httpx.Client, path: str, value: Any) -> None:
    answer = http.post(path, content=msgspec.json.encode(value), headers=JSON)
    if answer.status_code != 200:
        assert problem_of(answer).status in {400, 404, 422}


@FUZZ
@given(path=st.text(max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]))
def test_no_path_makes_it_fail(http: httpx.Client, path: str, method: str) -> None:
    try:
        answer = http.request(method, httpx.URL("/decisions/", path="/" + path.lstrip("/")))
    except httpx.InvalidURL:
        return
    if answer.status_code >= 400 and method != "HEAD":
        assert problem_of(answer).status in {400, 404, 405, 422}
