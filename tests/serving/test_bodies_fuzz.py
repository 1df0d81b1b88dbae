"""Bodies that break every rule of JSON and of HTTP: never a 5xx, always a problem document."""

import gzip
import json
import zlib
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from domain.errors import Missing
from serving.http.openapi_examples import EVENTS
from serving.http.schemas import KINDS, decision_key
from serving.problems import Problem

FUZZ = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = {"content-type": "application/json"}
PERSON = EVENTS["events"][0]["identifiers"]
GOOD: dict[str, bytes] = {
    "/score": json.dumps({"identifiers": PERSON}).encode(),
    "/score_batch": json.dumps({"lead_ids": ["lead_a", "lead_b", "lead_c"]}).encode(),
    "/events": json.dumps(EVENTS).encode(),
}
PATHS = st.sampled_from(sorted(GOOD))
ODD = (
    *(b"1e400", b"-1e400", b"1" * 400, b"0." + b"1" * 400, b"-0", b"01", b"+1", b"1.", b".5"),
    *(b"NaN", b"Infinity", b"-Infinity", b"0x10", b"9" * 20, b"-" + b"9" * 20, b"1E-999"),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\x00"', b'"\xed\xa0\x80"', b'"\xc0\xaf"'),
    *(b'"\\x41"', b'"\\u12"', b"'a'", b"undefined", b"null", b"true", b"[]", b"{}", b'""'),
    *(b"// a comment", b"/**/1", b"1 2", b"[1,]", b'{"a":1,}', b'{"a"}', b"\xef\xbb\xbf1"),
)


def answered(answer: httpx.Response) -> None:
    """It is done, or told in a problem document what is wrong with it."""
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        said = msgspec.json.decode(answer.content, type=Problem)
        assert said.status == answer.status_code
        assert said.status in {400, 404, 413, 415, 422}


def post(whole: httpx.Client, path: str, body: bytes, **headers: str) -> httpx.Response:
    answer = whole.post(path, content=body, headers={**JSON, **headers})
    answered(answer)
    return answer


@FUZZ
@seed(1)
@given(path=PATHS, cut=st.floats(0, 1, exclude_max=True))
def test_truncated(whole: httpx.Client, path: str, cut: float) -> None:
    body = GOOD[path]
    assert post(whole, path, body[: int(cut * len(body))]).status_code == 400


@FUZZ
@seed(2)
@given(
    path=PATHS, at=st.floats(0, 1), put=st.binary(min_size=1, max_size=6), over=st.integers(0, 6)
)
def test_with_bytes_put_over_it(
    whole: httpx.Client, path: str, at: float, put: bytes, over: int
) -> None:
    body, place = GOOD[path], int(at * len(GOOD[path]))
    post(whole, path, body[:place] + put + body[place + over :])


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'{"events":[', b'{"lead_ids":[', b'[{"x":'])
@pytest.mark.parametrize("depth", [10, 1_000, 100_000, 500_000])
def test_deeply_nested(whole: httpx.Client, path: str, opened: bytes, depth: int) -> None:
    post(whole, path, opened * depth)
    closed = bytes({91: 93, 123: 125}[c] for c in reversed(opened) if c in b"[{")
    post(whole, path, opened * depth + b"1" + closed * depth)


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_anywhere(whole: httpx.Client, odd: bytes) -> None:
    for path, body in (
        ("/score", b'{"lead_id":%s}' % odd),
        ("/score", b'{"identifiers":{"email":%s}}' % odd),
        ("/score", b'{"identifiers":%s}' % odd),
        ("/score", b'{%s:"a"}' % odd),
        ("/score_batch", b'{"lead_ids":[%s]}' % odd),
        ("/score_batch", b'{"lead_ids":%s}' % odd),
        ("/events", b'{"events":[%s]}' % odd),
        ("/events", b'{"events":[{"id":%s,"time":%s,"data":{"a":%s}}]}' % (odd, odd, odd)),
        ("/events", odd),
    ):
        post(whole, path, body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/score", b'{"lead_id":"a","lead_id":"b"}'),
        ("/score", b'{"lead_id":"a","lead_id":1}'),
        ("/score", b'{"identifiers":{"crm_id":"1","crm_id":"2"}}'),
        ("/score_batch", b'{"lead_ids":[],"lead_ids":["a"]}'),
        ("/events", b'{"events":[1],"events":[2]}'),
        ("/events", b'{"events":[{"id":"1","id":"2","source":"s"}]}'),
    ],
)
def test_names_given_twice(whole: httpx.Client, path: str, body: bytes) -> None:
    post(whole, path, body)


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "made-up"])
def test_compressed_or_said_to_be(whole: httpx.Client, path: str, coding: str) -> None:
    for body in (gzip.compress(GOOD[path]), zlib.compress(GOOD[path]), GOOD[path]):
        assert post(whole, path, body, **{"content-encoding": coding}).status_code == 415
    assert post(whole, path, gzip.compress(GOOD[path])).status_code == 400
    assert post(whole, path, GOOD[path], **{"content-encoding": "identity"}).status_code != 415


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=12)
    | st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from([*EVENTS["events"][0], "recordedtime", "dataversion", "unknown"])


@FUZZ
@seed(3)
@given(event=st.dictionaries(FIELDS, VALUES, max_size=8))
def test_events_of_wrong_types(whole: httpx.Client, event: dict[str, Any]) -> None:
    """One that is well-formed is counted, whatever is in it; lone surrogates are no JSON."""
    complete = {**EVENTS["events"][0], **event}
    answer = post(whole, "/events", json.dumps({"events": [event, complete]}).encode())
    if answer.status_code == 200:
        counts = answer.json()
        done = counts["accepted"] + counts["duplicates"] + counts["quarantined"]
        assert done == counts["received"] == 2


TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
    | st.sampled_from(["\0", "a\0b", "a@b", "@", "a@b.de\0", "+49", "\u202e", "x" * 512, " "])
    | st.emails()
)


@FUZZ
@seed(6)
@given(identifiers=st.dictionaries(st.sampled_from(sorted(KINDS)), TEXTS, min_size=1, max_size=3))
def test_identifiers_of_any_text(whole: httpx.Client, identifiers: dict[str, str]) -> None:
    """Whoever an event is taken from can be scored; whoever cannot be is told so at both doors."""
    event = {**EVENTS["events"][0], "id": json.dumps(identifiers), "identifiers": identifiers}
    sent = post(whole, "/events", json.dumps({"events": [event]}).encode())
    scored = post(whole, "/score", json.dumps({"identifiers": identifiers}).encode())
    if sent.status_code == 200 and sent.json()["quarantined"] == 0:
        several = len(identifiers) > 1 and scored.status_code == 422
        assert scored.status_code == 200 or several, scored.text


@FUZZ
@seed(4)
@given(value=VALUES, field=st.sampled_from(["lead_id", "identifiers", "lead_ids", "x"]))
def test_requests_of_wrong_types(whole: httpx.Client, value: Any, field: str) -> None:
    for path in ("/score", "/score_batch"):
        post(whole, path, json.dumps({field: value}).encode())


@FUZZ
@seed(5)
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["limit", "cursor", "grade", "queue", "min_score", "x"]),
            st.text(max_size=20) | st.integers().map(str) | st.floats().map(str),
        ),
        max_size=4,
    )
)
def test_queries_of_anything(whole: httpx.Client, pairs: list[tuple[str, str]]) -> None:
    answered(whole.get("/leads?" + urlencode(pairs)))


@pytest.mark.parametrize("path", ["/decisions/a%00b", "/decisions/%00", "/leads?queue=%00"])
def test_no_text_with_a_nul_gets_to_a_database(whole: httpx.Client, path: str) -> None:
    """PostgreSQL refuses such text with the same error as when it fails itself."""
    answered(answer := whole.get(path))
    assert answer.json()["rule"] in {"unknown-decision", "query-valid"}


def test_a_nul_is_in_no_decisions_name() -> None:
    with pytest.raises(Missing):
        decision_key("a\0b")
