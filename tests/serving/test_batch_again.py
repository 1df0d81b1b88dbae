"""`POST /score_batch` with an Idempotency-Key: sent again, it is the answer that was recorded."""

from typing import Any

import httpx
import pytest

from serving.http.openapi_examples import EVENTS


@pytest.fixture(scope="module")
def leads(whole: httpx.Client) -> list[str]:
    event = EVENTS["events"][0]
    events = [
        {**event, "id": f"again-{n}", "identifiers": {"cookie": f"again-{n}"}} for n in range(4)
    ]
    assert whole.post("/events", json={"events": events}).json()["refused"] == []
    return [
        whole.post("/score", json={"identifiers": {"cookie": f"again-{n}"}}).json()["lead_id"]
        for n in range(4)
    ]


def ask(whole: httpx.Client, key: str, lead_ids: list[str]) -> httpx.Response:
    return whole.post("/score_batch", json={"lead_ids": lead_ids}, headers={"idempotency-key": key})


def decisions(answer: httpx.Response) -> list[Any]:
    return [one["decision_id"] for one in answer.json()["answers"]]


def test_the_same_again_is_the_same_and_without_a_key_it_is_not(
    whole: httpx.Client, leads: list[str]
) -> None:
    asked = [leads[0], "lead_nobody", leads[1], leads[0]]
    first = ask(whole, "b-1", asked)
    assert first.status_code == 200
    assert ask(whole, "b-1", asked).content == first.content
    assert first.json()["unknown"] == ["lead_nobody"]
    assert not set(decisions(ask(whole, "b-2", asked))) & set(decisions(first))
    plain = whole.post("/score_batch", json={"lead_ids": asked})
    assert not set(decisions(plain)) & set(decisions(first))


@pytest.mark.parametrize("others", [[2, 1], [1], [3], [0, 1, 2]])
def test_the_key_with_another_batch_is_refused(
    whole: httpx.Client, leads: list[str], others: list[int]
) -> None:
    key = f"c-{others}".replace(" ", "")
    assert ask(whole, key, [leads[0], leads[1]]).status_code == 200
    answer = ask(whole, key, [leads[n] for n in others])
    assert (answer.status_code, answer.json()["rule"]) == (422, "idempotency-key")
    single = whole.post("/score", json={"lead_id": leads[0]}, headers={"idempotency-key": key})
    assert (single.status_code, single.json()["rule"]) == (422, "idempotency-key")


def test_a_key_that_cannot_be_is_refused(whole: httpx.Client, leads: list[str]) -> None:
    answer = ask(whole, "x" * 256, leads)
    assert (answer.status_code, answer.json()["rule"]) == (422, "idempotency-key")
