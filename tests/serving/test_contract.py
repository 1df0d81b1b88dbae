"""Each endpoint's contract, asked of a running server."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest

from domain.decisions import DecisionRecord
from domain.scores import ScoreAnswer
from serving.http.openapi_examples import EVENTS
from serving.http.schemas import MAX_BATCH, MAX_EVENTS
from tests.serving.double import KNOWN


def score(http: httpx.Client, lead: str) -> ScoreAnswer:
    answer = http.post("/score", json={"lead_id": lead})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return msgspec.json.decode(answer.content, type=ScoreAnswer)


def test_a_score_answers_with_everything_of_the_contract(http: httpx.Client) -> None:
    made = score(http, KNOWN[3])
    assert made.lead_id == KNOWN[3]
    assert len(made.trace_id) == 32
    assert int(made.trace_id, 16) > 0


def test_identifiers_find_the_same_lead_as_its_id(http: httpx.Client) -> None:
    answer = http.post("/score", json={"identifiers": {"crm_id": "3"}})
    assert answer.json()["lead_id"] == KNOWN[3]


def test_the_callers_trace_is_carried_on(http: httpx.Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = http.post("/score", json={"lead_id": KNOWN[0]}, headers=headers)
    assert answer.json()["trace_id"] == trace


def test_each_request_has_a_trace_of_its_own(http: httpx.Client) -> None:
    assert score(http, KNOWN[0]).trace_id != score(http, KNOWN[0]).trace_id


def test_every_score_can_be_read_back_as_its_decision(http: httpx.Client) -> None:
    made = score(http, KNOWN[5])
    read = http.get(f"/decisions/{made.decision_id}")
    assert msgspec.json.decode(read.content, type=DecisionRecord).answer == made


def test_a_batch_keeps_the_order_and_lists_the_unknown(http: httpx.Client) -> None:
    asked = [KNOWN[4], "lead_nobody", KNOWN[2], KNOWN[4]]
    answer = http.post("/score_batch", json={"lead_ids": asked}).json()
    assert [one["lead_id"] for one in answer["answers"]] == [KNOWN[4], KNOWN[2], KNOWN[4]]
    assert answer["unknown"] == ["lead_nobody"]


def test_the_largest_batch_is_taken_and_one_more_is_not(http: httpx.Client) -> None:
    ids = [KNOWN[0]] * MAX_BATCH
    assert http.post("/score_batch", json={"lead_ids": ids}).status_code == 200
    assert http.post("/score_batch", json={"lead_ids": [*ids, "x"]}).status_code == 422


def test_the_most_events_are_taken_and_one_more_is_not(http: httpx.Client) -> None:
    answer = http.post("/events", json={"events": [0] * MAX_EVENTS})
    assert answer.json()["quarantined"] == MAX_EVENTS
    assert http.post("/events", json={"events": [0] * (MAX_EVENTS + 1)}).status_code == 422


def test_events_are_counted_and_a_bad_one_fails_no_other(http: httpx.Client) -> None:
    fresh = {**EVENTS["events"][0], "id": "contract-1"}
    answer = http.post("/events", json={"events": [fresh, fresh, {"no": "event"}]})
    expected = {"received": 3, "accepted": 1, "duplicates": 1, "quarantined": 1}
    told = answer.json()
    assert {name: told[name] for name in expected} == expected
    assert [(one["index"], told["refused_total"]) for one in told["refused"]] == [(2, 1)]


def test_pages_of_leads_together_are_all_leads_once(http: httpx.Client) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, str | int] = {"limit": 7}
        page = http.get("/leads", params=params | ({"cursor": cursor} if cursor else {})).json()
        seen += [lead["lead_id"] for lead in page["leads"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(KNOWN)


def test_leads_take_every_filter(http: httpx.Client) -> None:
    query = "/leads?grade=A&queue=sales&min_score=0.5&limit=1000"
    assert len(http.get(query).json()["leads"]) == 10


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_the_probes_say_yes(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


def test_metrics_count_by_route_and_never_by_what_a_caller_made_up(http: httpx.Client) -> None:
    made = score(http, KNOWN[1])
    http.get(f"/decisions/{made.decision_id}")
    http.get("/made/up/path")
    text = http.get("/metrics").text
    assert 'bentoml_service_request_total{endpoint="/score",http_response_code="200"' in text
    assert 'endpoint="/decisions",http_response_code="200"' in text
    assert 'endpoint="/unknown",http_response_code="404"' in text
    assert made.decision_id not in text
    assert "made/up" not in text


def test_concurrent_callers_get_their_own_answers(http: httpx.Client) -> None:
    asked = [KNOWN[n % len(KNOWN)] for n in range(120)]
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda lead: score(http, lead), asked))
    assert [one.lead_id for one in made] == asked
    assert len({one.decision_id for one in made}) == len(asked)
