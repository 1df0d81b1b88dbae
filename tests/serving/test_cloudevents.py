"""`POST /events` takes CloudEvents 1.0 in every mode of HTTP, and says what it refuses."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.signals import Signal, decode
from serving.http.cloudevents import BATCH, JSON, ONE, sent, takes
from serving.http.openapi_examples import EVENTS

EVENT: dict[str, Any] = {"specversion": "1.0", **EVENTS["events"][0]}
ATTRIBUTES = ("specversion", "id", "source", "type", "time")


def binary(event: dict[str, Any], **more: str) -> dict[str, str]:
    """The headers of an event in binary mode."""
    headers = {f"ce-{name}": quote(str(event[name])) for name in ATTRIBUTES if name in event}
    headers["ce-identifiers"] = quote(json.dumps(event["identifiers"]))
    return {"content-type": JSON, **headers, **more}


def structured(name: str, **changes: Any) -> dict[str, Any]:
    return {**EVENT, "id": name, **changes}


def post(http: httpx.Client, media: str, body: object, **more: str) -> httpx.Response:
    headers = {"content-type": media, **more}
    return http.post("/events", content=json.dumps(body), headers=headers)


TAKEN: dict[str, dict[str, Any]] = {
    "object": {},
    "text": {"identifiers": '{"cookie": "c-5f2a"}'},
    "null": {"subject": None, "recordedtime": None},
    "unknown attributes": {"subject": "x", "datacontenttype": JSON, "traceparent": "00-1"},
    "base64": {"data": None, "data_base64": b64encode(b'{"page": "pricing"}').decode()},
}


@pytest.mark.parametrize("name", TAKEN)
def test_one_structured_event_is_taken(whole: httpx.Client, name: str) -> None:
    answer = post(whole, ONE, structured(f"one-{name}", **TAKEN[name]))
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text


def test_binary_mode_says_which_action_of_ours_it_answers(whole: httpx.Client) -> None:
    event = structured("our-action")
    data = json.dumps(event["data"])
    marked = binary(event, **{"ce-actionid": "mail-7"})
    assert whole.post("/events", content=data, headers=marked).json()["accepted"] == 1
    other = binary(structured("no-action"), **{"ce-actionid": "two words"})
    assert whole.post("/events", content=data, headers=other).status_code == 422
    document = binary_document(marked, data)
    assert document.actionid == "mail-7"


def binary_document(headers: dict[str, str], data: str) -> Signal:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    (document,), _ = sent(pairs, data.encode())
    return decode(bytes(document))


def test_one_event_is_the_same_in_every_mode(whole: httpx.Client) -> None:
    event = structured("every-mode")
    assert post(whole, f"{ONE}; charset=utf-8", event).json()["accepted"] == 1
    assert post(whole, BATCH, [event]).json()["duplicates"] == 1
    data = json.dumps(event["data"])
    answer = whole.post("/events", content=data, headers=binary(event))
    assert answer.json()["duplicates"] == 1
    assert whole.post("/events", json={"events": [event]}).json()["duplicates"] == 1


def test_a_batch_may_be_empty_and_a_refused_event_fails_no_other(whole: httpx.Client) -> None:
    assert post(whole, BATCH, []).json()["received"] == 0
    events = [structured("b-0"), structured("b-1", type="no.such"), 7, structured("b-3")]
    told = post(whole, BATCH, events).json()
    assert (told["accepted"], told["quarantined"], told["refused_total"]) == (2, 2, 2)
    assert [(r["index"], r["rule"]) for r in told["refused"]] == [
        (1, "unknown-type"),
        (2, "envelope"),
    ]
    again = post(whole, BATCH, events).json()
    assert (again["duplicates"], again["refused"]) == (4, told["refused"])


def test_what_is_refused_is_told_of_up_to_a_bound(whole: httpx.Client) -> None:
    events = [structured(f"many-{i}", data={"page": 7}) for i in range(150)]
    told = whole.post("/events", json={"events": events}).json()
    assert (len(told["refused"]), told["refused_total"]) == (100, 150)
    assert {r["rule"] for r in told["refused"]} == {"data-contract"}


SECRET = "mallory.secret@example.com"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"type": "no.such"}, "unknown-type"),
        ({"specversion": "0.3"}, "envelope"),
        ({"time": "yesterday " + SECRET}, "envelope"),
        ({"source": ""}, "envelope"),
        ({"identifiers": {"email": SECRET + "@"}}, "identifier-email"),
        ({"identifiers": SECRET}, "envelope"),
        ({"data": SECRET}, "envelope"),
        ({"data_base64": b64encode(SECRET.encode()).decode()}, "envelope"),
        ({"data_base64": SECRET}, "envelope"),
        ({"data": {"page": [SECRET]}}, "data-contract"),
    ],
)
def test_a_refused_event_is_a_problem_that_names_the_rule(
    whole: httpx.Client, changes: dict[str, Any], rule: str
) -> None:
    answer = post(whole, ONE, structured(f"refused-{rule}-{len(str(changes))}", **changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["rule"] == rule
    assert SECRET not in answer.text


def test_in_binary_mode_what_is_missing_is_named(whole: httpx.Client) -> None:
    headers = binary(structured("binary-missing"))
    for name in ("ce-id", "ce-source", "ce-type", "ce-time"):
        kept = {k: v for k, v in headers.items() if k != name}
        answer = whole.post("/events", content=b'{"page": "pricing"}', headers=kept)
        assert answer.status_code == 422
        assert answer.json()["rule"] == "envelope"


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("application/cloudevents+avro", 415),
        ("application/cloudevents+json; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/vnd.acme+json", 200),
        ("application/json; charset=utf-8", 200),
    ],
)
def test_data_of_binary_mode_is_json(whole: httpx.Client, media: str, status: int) -> None:
    headers = binary(structured(f"media-{media}"), **{"content-type": media})
    answer = whole.post("/events", content=b'{"page": "pricing"}', headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("media", [ONE, BATCH, JSON])
def test_what_is_no_json_is_a_problem(whole: httpx.Client, media: str) -> None:
    headers = binary(EVENT) if media == JSON else {"content-type": media}
    for body in (b"{", b"\xff", b"", b"[" * 200_000):
        answer = whole.post("/events", content=body, headers=headers)
        assert answer.status_code == (422 if media == JSON and not body else 400), answer.text
    assert post(whole, BATCH, {"events": []}).json()["rule"] == "body-valid"


def test_other_routes_take_no_cloudevents(whole: httpx.Client) -> None:
    answer = whole.post("/score", content=b"{}", headers={"content-type": ONE})
    assert answer.status_code == 415


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@limits(max_examples=100, deadline=None)
@given(values=st.fixed_dictionaries(dict.fromkeys(("id", "source", "subject"), TEXTS)))
def test_attributes_in_headers_are_what_was_encoded(values: dict[str, str]) -> None:
    headers = [(b"ce-specversion", b"1.0"), (b"content-type", b"application/json")]
    headers += [(f"ce-{k}".encode(), quote(v, safe="").encode()) for k, v in values.items()]
    (document,), alone = sent(headers, b'{"a": [1]}')
    assert alone
    assert json.loads(document) == {"specversion": "1.0", **values, "data": {"a": [1]}}


def test_quotes_are_taken_off_and_a_header_given_twice_is_refused() -> None:
    headers = [(b"ce-specversion", b"1.0"), (b"ce-id", b'"a \\"b\\" %20"')]
    (document,), _ = sent(headers, b"")
    assert json.loads(document) == {"specversion": "1.0", "id": 'a "b"  '}
    with pytest.raises(BadInput, match="twice"):
        sent([*headers, (b"ce-id", b"c")], b"")
    with pytest.raises(BadInput, match="percent"):
        sent([*headers, (b"ce-x", b"%ff")], b"")
    assert takes([])
    assert not takes([(b"content-type", b"application/vnd.acme+json")])
