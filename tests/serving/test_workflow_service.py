"""The workflow over HTTP: the service itself, real keys, and the home's own leads and journal."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from config.settings import Settings
from jobs.workflow.home import home_now_us, open_leads
from jobs.workflow.replay import verify_leads
from serving.auth.api_key_store import KeyStore, open_keys
from serving.supervisor import start
from tests.serving.test_access import eventually, problem_of
from tests.waiting import until
from tests.workflow.charts import GOOD
from workflow.chart.lead_state import WorkflowEvent
from workflow.store.lead_store import LeadStore

OWNERS = """
version: 1
owners: {anna: {}, ben: {}}
pools: {all: {owners: [anna, ben]}}
otherwise: all
"""
TOGETHER_S = 60.0


@dataclass
class Workplace:
    """A service on a home without a model, whose leads are offered to owners."""

    settings: Settings
    http: httpx.Client
    store: LeadStore
    keys: KeyStore

    def key(self, scope: str) -> str:
        """A key that the service knows of."""
        _, sent = self.keys.create("tests", [scope])
        eventually(lambda: self.standing(sent, "lead_0").status_code != 401, TOGETHER_S)
        return sent

    def standing(self, sent: str, lead: str) -> httpx.Response:
        return self.http.get("/workflow", params={"lead_id": lead}, headers=_bearer(sent))

    def act(self, sent: str | None, lead: str, action: str, **more: str) -> httpx.Response:
        body = {"lead_id": lead, "action": action, **more}
        return self.http.post("/workflow", json=body, headers=_bearer(sent))


def _bearer(sent: str | None) -> dict[str, str]:
    return {} if sent is None else {"authorization": f"Bearer {sent}"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), access="required")
    (settings.home / "owners.yaml").write_text(OWNERS)
    store = open_leads(settings)
    events = [
        WorkflowEvent(id=f"d{n}", lead_id=f"lead_{n}", name="decided", facts=GOOD, facts_us=1)
        for n in range(4)
    ]
    store.take(events, home_now_us(settings))
    keys = open_keys(settings)
    keys.create("tests", ["read"])
    server = start(settings, "127.0.0.1", 0, 1)
    try:
        with httpx.Client(base_url=server.url, timeout=60) as http:
            until(lambda: _alive(http, server.dead()), what="the service does not live")
            yield Workplace(settings, http, store, keys)
    finally:
        server.stop()


def _alive(http: httpx.Client, dead: bool) -> bool:
    assert not dead, "the service ended"
    try:
        return http.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def worker(workplace: Workplace) -> str:
    return workplace.key("work")


def test_a_lead_is_accepted_then_completed_and_the_journal_says_by_whom(
    workplace: Workplace, worker: str
) -> None:
    before = workplace.standing(worker, "lead_0").json()
    assert (before["state"], before["actions"]) == ("routed", ["accept", "reject"])
    first = workplace.act(worker, "lead_0", "accept", request_id="one")
    assert first.status_code == 200, first.text
    assert (first.json()["state"], first.json()["owner"]) == ("accepted", before["owner"])
    assert workplace.act(worker, "lead_0", "accept", request_id="one").json() == first.json()
    done = workplace.act(worker, "lead_0", "complete", reason="bought elsewhere")
    assert (done.json()["state"], done.json()["owner"]) == ("nurture", "")
    assert workplace.standing(worker, "lead_0").json() == done.json()
    completed, accepted = workplace.store.history("lead_0", 2)
    key = f"key:{worker.split('_')[1]}"
    assert (completed.event.by, completed.event.reason) == (key, "bought elsewhere")
    assert (accepted.event.name, accepted.event.by) == ("accept", key)
    assert verify_leads(workplace.settings).faults == ()


def test_a_lead_that_is_rejected_is_taken_from_its_owner(workplace: Workplace, worker: str) -> None:
    owner = workplace.standing(worker, "lead_1").json()["owner"]
    done = workplace.act(worker, "lead_1", "reject", reason="not my region").json()
    assert (done["state"], done["owner"]) == ("rejected", "")
    assert workplace.store.get("lead_1").former == (owner,)


def test_what_cannot_be_done_changes_nothing(workplace: Workplace, worker: str) -> None:
    before = workplace.store.get("lead_2")
    refused = [
        (workplace.act(worker, "lead_2", "complete"), 409, "workflow-state"),
        (workplace.act(worker, "lead_2", "decided"), 422, "workflow-action"),
        (workplace.act(worker, "lead_2", "acceptance_due"), 422, "workflow-action"),
        (workplace.act(worker, "lead_99", "accept"), 404, "workflow-lead"),
        (workplace.standing(worker, "lead_99"), 404, "workflow-lead"),
        (workplace.act(worker, "lead_2", "accept", by="ben"), 422, "body-valid"),
        (workplace.act(None, "lead_2", "accept"), 401, "credential"),
    ]
    for answer, status, rule in refused:
        said = problem_of(answer)
        assert (answer.status_code, said.status, said.rule) == (status, status, rule), answer.text
    assert workplace.store.get("lead_2") == before


@pytest.mark.parametrize("scope", ["read", "score", "ingest", "approve"])
def test_a_key_without_the_scope_does_nothing(workplace: Workplace, scope: str) -> None:
    sent, before = workplace.key(scope), workplace.store.get("lead_3")
    for answer in (workplace.standing(sent, "lead_3"), workplace.act(sent, "lead_3", "accept")):
        said = problem_of(answer)
        assert (answer.status_code, said.rule) == (403, "scope")
    assert workplace.store.get("lead_3") == before
