"""Approvals over HTTP: a running service, real keys and tokens, and the home's own ledger."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from config.settings import Settings
from decisions.policy.policy import PolicyFile
from domain.versions.manifest import Stage
from jobs.models.promote import candidate, promote
from leadscore.cli import app
from registry.gate_file import STANDARD_FILE
from registry.ledger_entry import LedgerEntry
from registry.promotion import Terms
from registry.promotion import promote as promote_model
from serving.auth.api_key_store import KeyStore, open_keys
from serving.supervisor import running
from tests.conftest import Trained
from tests.serving.issuer import AUDIENCE, ISSUER, Issuer, issuing
from tests.serving.test_access import eventually, problem_of
from wiring import policies
from wiring.decisions import POLICIES
from wiring.registry import gates_of, open_by_credential, open_registry
from wiring.scoring import open_scoring

CHAMPION = Stage.CHAMPION


@dataclass
class House:
    """A home that asks for a second approver, a service on it, its keys and its issuer."""

    settings: Settings
    http: httpx.Client
    keys: KeyStore
    issuer: Issuer

    def key(self, *scopes: str) -> str:
        """A key that the service knows of."""
        _, sent = self.keys.create("tests", scopes or ["approve"])
        eventually(lambda: self.ask(sent, "GET").status_code != 401)
        return sent

    def ask(self, sent: str | None, method: str = "POST", **body: Any) -> httpx.Response:
        headers = {} if sent is None else {"authorization": f"Bearer {sent}"}
        json = body if method == "POST" else None
        return self.http.request(method, "/approvals", json=json, headers=headers)

    def approve(self, sent: str | None, version: str = "lead-2", **more: Any) -> httpx.Response:
        return self.ask(sent, version=version, **{"kind": "model", "reason": "seen", **more})

    def entries(self) -> list[LedgerEntry]:
        return open_registry(self.settings).ledger.entries()

    def requested(self, credential: str = "") -> LedgerEntry:
        """A promotion of `lead-2` to champion, asked for by an account or by a credential."""
        registry = open_registry(self.settings)
        registry.ledger.credential = credential or registry.ledger.credential
        terms = Terms(rules=gates_of(self.settings))
        asked = promote_model(
            registry, "lead-2", CHAMPION, by="ann", reason="try", override=True, terms=terms
        )
        assert asked.waiting
        return self.entries()[-1]


@contextmanager
def opened(home: Settings) -> Iterator[House]:
    rules = STANDARD_FILE.read_text().replace("second_approver: false", "second_approver: true")
    (home.home / STANDARD_FILE.name).write_text(rules)
    with issuing() as issuer:
        settings = msgspec.structs.replace(
            home,
            access="required",
            jwt_issuer=ISSUER,
            jwt_audience=AUDIENCE,
            jwt_keys=issuer.url,
        )
        keys = open_keys(settings)
        with running(settings) as url, httpx.Client(base_url=url, timeout=60) as http:
            yield House(settings, http, keys, issuer)


@pytest.fixture
def house(own_home: Settings) -> Iterator[House]:
    with opened(own_home) as held:
        yield held


@pytest.fixture(scope="module")
def waiting(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose one request is never approved: for all that is refused."""
    home = tmp_path_factory.mktemp("waiting") / "home"
    shutil.copytree(trained.settings.home, home)
    with opened(msgspec.structs.replace(trained.settings, home=home)) as held:
        held.requested()
        yield held


def key_id(sent: str) -> str:
    return sent.split("_")[1]


def test_a_model_is_approved_by_a_key_and_the_ledger_says_which(house: House) -> None:
    request, sent = house.requested(), house.key()
    (waiting,) = house.ask(sent, "GET").json()["approvals"]
    assert (waiting["version"], waiting["kind"]) == ("lead-2", "model")
    assert (waiting["requested_by"], waiting["credential"]) == ("ann", request.credential)
    told = house.approve(sent)
    assert told.status_code == 200, told.text
    last = house.entries()[-1]
    assert (last.kind, last.subject, last.approves) == ("promoted", "lead-2", request.sequence)
    assert last.by == last.credential == told.json()["credential"] == f"key:{key_id(sent)}"
    assert told.json()["sequence"] == last.sequence
    registry = open_registry(house.settings)
    assert registry.verify() is None
    assert registry.standing().champion == "lead-2"
    assert house.ask(sent, "GET").json() == {"approvals": []}
    # the same again tells the same; another's comes too late
    assert house.approve(sent).json() == told.json()
    late = problem_of(house.approve(house.key()))
    assert (late.status, late.rule) == (404, "promotion-requested")
    assert house.entries()[-1] == last
    shown = CliRunner(env={"LEADSCORE_HOME": str(house.settings.home)}).invoke(
        app, ["models", "history", "--json"]
    )
    assert msgspec.json.decode(shown.stdout)[-1]["credential"] == last.credential


def test_the_service_scores_with_what_was_approved(house: House) -> None:
    house.requested()
    assert house.approve(house.key(), "2").status_code == 200
    score = house.key("score", "read", "approve")
    headers = {"authorization": f"Bearer {score}"}
    lead = next(iter(open_scoring(house.settings).plane.directory.all()))
    asked = {"lead_id": lead.lead_id}

    def champion_is_new() -> bool:
        answer = house.http.post("/score", json=asked, headers=headers)
        return bool(answer.json()["versions"]["model"] == "lead-2")

    eventually(champion_is_new, 20)


def test_a_policy_is_approved_by_a_token_and_its_subject_stays_hidden(
    house: House, tmp_path: Path
) -> None:
    packaged = next(iter(sorted(POLICIES.glob("*.json"))))
    held = msgspec.json.decode(packaged.read_bytes(), type=PolicyFile)
    version = policies.register(house.settings, packaged, "ann")
    found = candidate(house.settings, "policy", version.label)
    promote(house.settings, found, CHAMPION, by="ann", reason="first", override=True)
    token = house.issuer.token(scope="approve", sub="bob@example.com")
    waiting = house.ask(token, "GET").json()["approvals"]
    assert [(one["version"], one["kind"]) for one in waiting] == [(version.label, "policy")]
    wrong = problem_of(house.approve(token, version.label))
    assert (wrong.status, wrong.rule) == (404, "version-known")
    told = house.approve(token, version.label, kind="policy", changes=0)
    assert told.status_code == 200, told.text
    last = house.entries()[-1]
    assert last.by == last.credential == told.json()["credential"]
    assert last.credential.startswith("token:")
    assert "bob" not in last.credential
    assert open_by_credential(house.settings, "policy", "").standing().champion == version.label
    assert held.name in version.label


def test_who_asked_cannot_approve_with_the_same_credential(house: House) -> None:
    sent = house.key()
    house.requested(f"key:{key_id(sent)}")
    before = house.entries()
    told = problem_of(house.approve(sent))
    assert (told.status, told.rule) == (409, "second-approver")
    assert house.entries() == before
    assert house.approve(house.key()).status_code == 200


def test_who_asked_cannot_approve_with_another_token_of_theirs(house: House) -> None:
    mine = {"scope": "approve", "sub": "ann@example.com"}
    first = house.issuer.token("es256", **mine)
    house.requested()
    credential = house.approve(first).json()["credential"]
    registry = open_registry(house.settings)
    registry.rollback(by="cy", reason="back")
    house.requested(credential)
    told = problem_of(house.approve(house.issuer.token("eddsa", **mine)))
    assert (told.status, told.rule) == (409, "second-approver")


@pytest.mark.parametrize("scope", ["score", "ingest", "read"])
def test_another_scope_approves_nothing(waiting: House, scope: str) -> None:
    before, sent = waiting.entries(), waiting.key(scope)
    for told in (waiting.approve(sent), waiting.ask(sent, "GET")):
        assert (told.status_code, problem_of(told).rule) == (403, "scope")
    assert waiting.entries() == before


def test_nobody_approves_without_a_credential_that_says_who(waiting: House) -> None:
    before = waiting.entries()
    assert waiting.approve(None).status_code == 401
    for sub in (None, "", " "):
        told = problem_of(waiting.approve(waiting.issuer.token(scope="approve", sub=sub)))
        assert (told.status, told.rule) == (403, "credential-named")
    here = msgspec.structs.replace(waiting.settings, access="loopback")
    with running(here) as url, httpx.Client(base_url=url, timeout=60) as http:
        assert len(http.get("/approvals").json()["approvals"]) == 1
        body = {"version": "lead-2", "kind": "model", "reason": "I sit at this machine"}
        assert http.post("/approvals", json=body).status_code == 401
    assert waiting.entries() == before


def test_of_two_who_approve_at_once_one_does(house: House) -> None:
    request, sent = house.requested(), [house.key() for _ in range(2)]
    count = len(house.entries())
    with ThreadPoolExecutor(8) as asking:
        told = list(asking.map(house.approve, sent * 4))
    statuses = [answer.status_code for answer in told]
    assert sorted(set(statuses)) == [200, 404], statuses
    assert len({answer.text for answer in told if answer.status_code == 200}) == 1
    (only,) = (entry for entry in house.entries()[count:] if entry.kind == "promoted")
    assert only.approves == request.sequence


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no such version": ({"version": "lead-99"}, 404, "version-known"),
    "not asked for": ({"version": "lead-1"}, 404, "promotion-requested"),
    "no reason": ({"reason": "  "}, 422, "reason-given"),
    "another kind": ({"kind": "person"}, 422, "body-valid"),
    "a name of its own": ({"by": "bob"}, 422, "body-valid"),
    "changes of a model": ({"changes": 3}, 409, "changes-of-policy"),
    "a NUL": ({"reason": "a\0b"}, 422, "body-valid"),
}


def test_what_cannot_be_approved_is_told_as_a_problem(waiting: House) -> None:
    before, sent = waiting.entries(), waiting.key()
    for what, (changed, status, rule) in REFUSED.items():
        told = problem_of(waiting.approve(sent, **changed))
        assert (told.status, told.rule) == (status, rule), what
    assert waiting.entries() == before


def forged(entries: Callable[[], list[LedgerEntry]], settings: Settings) -> None:
    """The newest entry with another reason, as whoever can write the file does it."""
    import sqlite3

    with sqlite3.connect(settings.home / "ledger.db") as database:
        database.execute("DROP TRIGGER promotion_ledger_no_update")
        database.execute(
            "UPDATE promotion_ledger SET reason = 'mine' WHERE sequence = ?", (len(entries()),)
        )
    database.close()


def test_an_altered_ledger_takes_no_approval(house: House) -> None:
    house.requested()
    sent = house.key()
    forged(house.entries, house.settings)
    for told in (house.approve(sent), house.ask(sent, "GET")):
        assert (told.status_code, problem_of(told).rule) == (503, "ledger-sound")
        assert told.headers["retry-after"]


def test_a_ledger_that_is_locked_is_told_in_time_and_takes_the_approval_later(
    house: House,
) -> None:
    import sqlite3

    house.requested()
    sent = house.key()
    count = len(house.entries())
    holder = sqlite3.connect(house.settings.home / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    told = house.approve(sent)
    assert (told.status_code, problem_of(told).rule) == (503, "ledger-available")
    assert told.elapsed.total_seconds() < 20
    assert told.headers["retry-after"]
    holder.execute("ROLLBACK")
    holder.close()
    assert house.approve(sent).status_code == 200
    assert [entry.kind for entry in house.entries()[count:]] == ["rollout_finished", "promoted"]
