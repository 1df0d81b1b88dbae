"""`POST /what_if` as a caller sees it."""

import httpx
import pytest

from leadscore_client import Client
from serving.http import openapi_examples
from tests.serving.double import KNOWN


def test_an_answer_and_no_record(http: httpx.Client, url: str) -> None:
    asked = {"lead_id": KNOWN[0], "changes": {"employees": 900, "country": None, "plan": "team"}}
    answer = http.post("/what_if", json=asked)
    assert answer.status_code == 200
    assert answer.json() == openapi_examples.WHAT_IF
    with Client(url) as client:
        assert client.what_if({"employees": 900.0}, lead_id=KNOWN[0]).after.score == 0.38


@pytest.mark.parametrize(
    ("body", "status", "rule"),
    [
        ({"lead_id": "lead_x", "changes": {"employees": 1}}, 404, "unknown-lead"),
        ({"lead_id": KNOWN[0], "changes": {"other": 1}}, 422, "feature-known"),
        ({"lead_id": KNOWN[0], "changes": {}}, 422, "body-valid"),
        ({"lead_id": KNOWN[0], "changes": {"employees": [1]}}, 422, "body-valid"),
        ({"lead_id": KNOWN[0], "changes": {"employees": True}}, 422, "body-valid"),
        ({"lead_id": KNOWN[0]}, 422, "body-valid"),
        ({"changes": {"employees": 1}}, 422, "lead-or-identifiers"),
        ({"identifiers": {"shoe": "1"}, "changes": {"a": 1}}, 422, "identifier-kind"),
    ],
)
def test_what_is_refused(
    http: httpx.Client, body: dict[str, object], status: int, rule: str
) -> None:
    answer = http.post("/what_if", json=body)
    assert (answer.status_code, answer.json()["rule"]) == (status, rule)
