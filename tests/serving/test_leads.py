"""`GET /leads` of the whole service: ranked by the newest score, filtered, page by page."""

from base64 import urlsafe_b64encode
from typing import Any

import httpx
import pytest

from serving.http.openapi_examples import EVENTS

COUNT = 30
Row = dict[str, Any]


@pytest.fixture(scope="module")
def scored(whole: httpx.Client) -> list[Row]:
    """All leads that were scored, ranked by the plain way; some were scored twice."""
    event = EVENTS["events"][0]
    events = [
        {**event, "id": f"ranked-{n}-{k}", "identifiers": {"cookie": f"ranked-{n}"}}
        for n in range(COUNT)
        for k in range(1 + n % 4)
    ]
    assert whole.post("/events", json={"events": events}).json()["quarantined"] == 0
    for n in (*range(COUNT), *range(0, COUNT, 7)):
        answer = whole.post("/score", json={"identifiers": {"cookie": f"ranked-{n}"}})
        assert answer.status_code == 200
    held: list[Row] = whole.get("/leads?limit=1000").json()["leads"]
    assert len(held) >= COUNT
    return sorted(held, key=lambda row: (-row["score"], row["lead_id"]))


def pages(whole: httpx.Client, **query: str | float) -> list[Row]:
    found: list[Row] = []
    while True:
        page = whole.get("/leads", params=query).json()
        assert len(page["leads"]) <= query["limit"]  # type: ignore[operator]
        found += page["leads"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_together_are_every_lead_once_in_rank(
    whole: httpx.Client, scored: list[Row], limit: int
) -> None:
    assert pages(whole, limit=limit) == scored


def test_each_filter_keeps_what_it_says_and_nothing_else(
    whole: httpx.Client, scored: list[Row]
) -> None:
    middle = scored[len(scored) // 2]["score"]
    wanted = [row for row in scored if row["score"] >= middle]
    assert pages(whole, limit=7, min_score=middle) == wanted
    for grade in "ABCD":
        wanted = [row for row in scored if row["grade"] == grade]
        assert pages(whole, limit=5, grade=grade) == wanted
    for queue in {row["decision"]["queue"] for row in scored} | {"no such queue"}:
        wanted = [row for row in scored if row["decision"]["queue"] == queue]
        assert pages(whole, limit=5, queue=queue) == wanted
    one = scored[0]
    every = {"grade": one["grade"], "queue": one["decision"]["queue"], "min_score": one["score"]}
    assert one in pages(whole, limit=5, **every)


def test_a_page_shows_each_leads_newest_answer(whole: httpx.Client, scored: list[Row]) -> None:
    for row in scored[:3]:
        again = whole.post("/score", json={"lead_id": row["lead_id"]}).json()
        listed = whole.get("/leads?limit=1000").json()["leads"]
        (shown,) = [one for one in listed if one["lead_id"] == row["lead_id"]]
        assert shown == again


@pytest.mark.parametrize(
    "inside", [b"", b"[]", b"[0.5]", b'["a","b"]', b'[1e999,"a"]', b'[0.5,"a\\u0000"]', b"\xff"]
)
def test_a_cursor_that_was_not_given_out_is_refused(whole: httpx.Client, inside: bytes) -> None:
    cursor = urlsafe_b64encode(inside).decode()
    answer = whole.get("/leads", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:leadscore:problem:bad-input")


def named(name: str, kind: str, number: int, **identifiers: str) -> Row:
    event = EVENTS["events"][0]
    held = {"cookie": name, "email": f"{name}@{name}.com", **identifiers}
    return {**event, "id": f"{name}-{number}", "type": kind, "identifiers": held, "data": {}}


def listed(whole: httpx.Client, **query: str | float) -> set[str]:
    return {row["lead_id"] for row in pages(whole, limit=7, **query)}


def test_a_decided_lead_is_not_among_the_open_ones(whole: httpx.Client) -> None:
    """Whether it was decided before it was scored or after."""
    made = [named(f"decided{n}", "crm.lead_created", 1) for n in range(3)]
    assert whole.post("/events", json={"events": made}).json()["refused"] == []
    leads = [
        whole.post("/score", json={"identifiers": {"cookie": f"decided{n}"}}).json()["lead_id"]
        for n in range(3)
    ]
    assert set(leads) <= listed(whole)
    won = [named("decided0", "crm.deal_won", 2), named("decided1", "crm.deal_lost", 2)]
    assert whole.post("/events", json={"events": won}).json()["refused"] == []
    whole.post("/score", json={"lead_id": leads[1]})
    opened, decided = listed(whole), listed(whole, status="decided")
    assert leads[2] in opened
    assert not {leads[0], leads[1]} & opened
    assert {leads[0], leads[1]} <= decided
    assert listed(whole, status="all") == opened | decided
    assert not opened & decided


def test_an_account_is_found_by_id_and_by_domain(whole: httpx.Client) -> None:
    events = [
        named(f"house{n}", "crm.lead_created", 1, email=f"p{n}@house-of-leads.com")
        for n in range(3)
    ]
    assert whole.post("/events", json={"events": events}).json()["refused"] == []
    answers = [
        whole.post("/score", json={"identifiers": {"cookie": f"house{n}"}}).json() for n in range(3)
    ]
    wanted = {answer["lead_id"] for answer in answers}
    decision = whole.get(f"/decisions/{answers[0]['decision_id']}").json()
    for account in ("house-of-leads.com", "House-of-Leads.com ", decision["account_id"]):
        assert listed(whole, account=account) == wanted
    assert listed(whole, account="nobody.example") == set()


def test_eligible_is_what_the_policy_said(whole: httpx.Client, scored: list[Row]) -> None:
    every = pages(whole, limit=50, status="all")
    for eligible in (True, False):
        wanted = {r["lead_id"] for r in every if r["decision"]["eligible"] is eligible}
        assert listed(whole, status="all", eligible=str(eligible).lower()) == wanted


@pytest.mark.parametrize("query", ["status=won", "eligible=maybe", "account=", "account=%00"])
def test_a_filter_that_cannot_be_is_refused(whole: httpx.Client, query: str) -> None:
    assert whole.get(f"/leads?{query}").json()["rule"] == "query-valid"


def test_decisions_are_listed_newest_first_and_narrowed(
    whole: httpx.Client, scored: list[Row]
) -> None:
    found: list[Row] = []
    query: dict[str, str | int] = {"limit": 7, "lead_id": scored[0]["lead_id"]}
    while True:
        page = whole.get("/decisions", params=query).json()
        found += page["decisions"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found
    assert {r["answer"]["lead_id"] for r in found} == {scored[0]["lead_id"]}
    assert found == sorted(found, key=lambda r: -r["decided_us"])
    one = found[0]["answer"]
    assert whole.get(f"/decisions/{one['decision_id']}").json() == found[0]
    for name, value in (("grade", one["grade"]), ("action", one["decision"]["action"])):
        page = whole.get("/decisions", params={name: value, "limit": 3}).json()["decisions"]
        assert page
    later = whole.get("/decisions", params={"since": "2999-01-01T00:00:00Z"}).json()
    assert later == {"decisions": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "limit=201",
        "since=today",
        "until=0.5",
        "since=2026-02-30T00:00:00Z",
        "lead_id=%00",
        "nobody=1",
        "grade=E",
    ],
)
def test_decisions_that_cannot_be_asked_for(whole: httpx.Client, query: str) -> None:
    assert whole.get(f"/decisions?{query}").status_code == 422
