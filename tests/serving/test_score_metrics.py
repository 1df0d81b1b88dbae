"""What `/metrics` says of scoring: by arm, version and outcome, with labels that are bounded."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from tests.conftest import Trained
from tests.serving.double import KNOWN

LABELS = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Sample = tuple[str, dict[str, str], float]


def samples(http: httpx.Client) -> list[Sample]:
    lines = [x for x in http.get("/metrics").text.splitlines() if x and x[0] != "#"]
    found = []
    for line in lines:
        head, _, value = line.rpartition(" ")
        name, _, labels = head.partition("{")
        found.append((name, dict(LABELS.findall(labels)), float(value)))
    return found


def total(found: list[Sample], name: str, **labels: str) -> float:
    return sum(v for n, held, v in found if n == name and held.items() >= labels.items())


def test_answers_are_counted_by_what_made_them(http: httpx.Client) -> None:
    before = samples(http)
    for lead in KNOWN[:3]:
        assert http.post("/score", json={"lead_id": lead}).status_code == 200
    assert http.post("/score_batch", json={"lead_ids": KNOWN[:5]}).status_code == 200
    after = samples(http)
    answer = http.post("/score", json={"lead_id": KNOWN[0]}).json()
    versions = answer["versions"]
    labels = {
        "arm": answer["arm"],
        "model": versions["model"],
        "policy": versions["policy"],
        "outcome": "ok",
    }

    def more(name: str, **wanted: str) -> float:
        return total(after, name, **wanted) - total(before, name, **wanted)

    assert more("leadscore_answers_total", **labels) == 8
    for endpoint, requests in {"score": 3, "score_batch": 1}.items():
        labels = {"endpoint": endpoint, "arm": answer["arm"]}
        assert more("leadscore_answer_seconds_count", **labels) == requests
    assert more("leadscore_feature_staleness_seconds_count") == 8
    assert more("leadscore_score_count", model=versions["model"]) == 8
    assert more("leadscore_score_sum") == pytest.approx(8 * answer["score"])


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"lead_id": "lead_nobody"}', "unknown-lead"),
        (b"{", "malformed-body"),
        (b"{}", "bad-input"),
        (b'{"identifiers": {"crm_id": "down"}}', "unavailable"),
        (b'{"identifiers": {"crm_id": "bug"}}', "internal"),
    ],
)
def test_refusals_are_counted_by_problem_type(
    http: httpx.Client, body: bytes, outcome: str
) -> None:
    before = total(samples(http), "leadscore_answers_total", outcome=outcome)
    http.post("/score", content=body, headers={"content-type": "application/json"})
    after = samples(http)
    assert total(after, "leadscore_answers_total", outcome=outcome) == before + 1
    assert {(h["arm"], h["model"]) for n, h, _ in after if h.get("outcome") == outcome} == {
        ("", "")
    }


def test_whatever_is_sent_the_labels_stay_few(http: httpx.Client) -> None:
    def send(n: int) -> None:
        http.post("/score", json={"lead_id": f"lead_{n}"})
        http.post("/score", json={"identifiers": {f"kind{n}": "x"}})
        http.get(f"/nowhere/{n}")

    http.get("/nowhere")
    send(0)
    before = {(n, *sorted(h.items())) for n, h, _ in samples(http)}
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(1, 60)))
    assert {(n, *sorted(h.items())) for n, h, _ in samples(http)} <= before


@pytest.mark.slow
def test_two_workers_speak_as_one(trained: Trained, own_home: Settings) -> None:
    """The real service: stages are timed, and any worker's page has the sums of both."""
    from serving.supervisor import start

    server = start(own_home, "127.0.0.1", 0, 2)
    try:
        server.wait_ready()
        answers = []
        for crm in range(1, 41):
            body = {"identifiers": {"crm_id": f"L-{crm:07d}"}}
            answers.append(httpx.post(f"{server.url}/score", json=body, timeout=60))
        done = [a.json() for a in answers if a.status_code == 200]
        assert len(done) > 20
        with httpx.Client(base_url=server.url) as http:
            pages = [samples(http) for _ in range(8)]
    finally:
        server.stop()
    for page in pages:
        answered = total(page, "leadscore_answers_total") - total(
            page, "leadscore_answers_total", arm=""
        )
        assert answered == len(done)
        assert total(page, "leadscore_answers_total", arm="") == 40 - len(done)
        for stage in ("features", "score", "policy", "audit"):
            assert total(page, "leadscore_stage_seconds_count", stage=stage) == len(done)
        for arm in ("champion", "challenger"):
            model = {a["versions"]["model"] for a in done if a["arm"] == arm}
            assert len(model) == 1
            assert total(page, "leadscore_answers_total", arm=arm, model=model.pop()) == sum(
                a["arm"] == arm for a in done
            )
        bad = sum(a["degraded"] for a in done)
        assert total(page, "leadscore_degraded_total") == bad
        assert total(page, "leadscore_answers_total", outcome="degraded") == bad
    assert Path(server.log).read_text().count("Traceback") == 0
