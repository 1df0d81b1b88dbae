"""Who is let in: a running service that needs credentials, asked over HTTP."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from config.settings import Settings
from domain.clock import SystemClock
from domain.errors import Missing
from leadscore_client import Client, Forbidden, Unauthenticated
from serving.auth.api_key_store import KeyStore, open_keys
from serving.auth.api_keys import PREFIX, Scope
from serving.problems import Problem
from serving.supervisor import running, start
from tests.serving.double import KNOWN
from tests.serving.issuer import AUDIENCE, ISSUER, Issuer, claims_of, issuing
from tests.waiting import until

DOUBLE = "tests.serving.double:Double"
ASKED: dict[str, tuple[str, object, Scope | None]] = {
    "/score": ("POST", {"lead_id": KNOWN[0]}, Scope.SCORE),
    "/score_batch": ("POST", {"lead_ids": [KNOWN[0]]}, Scope.SCORE),
    "/events": ("POST", {"events": [1]}, Scope.INGEST),
    "/leads": ("GET", None, Scope.READ),
    "/metrics": ("GET", None, Scope.READ),
    "/approvals": ("GET", None, Scope.APPROVE),
    "/docs.json": ("GET", None, None),
    "/schema.json": ("GET", None, None),
}
FOLLOWED_S = 2.0
"""What the page promises."""


def eventually(holds: Callable[[], bool], seconds: float = FOLLOWED_S) -> None:
    until(holds, seconds)


@dataclass
class House:
    """A service that needs credentials, its keys, and an issuer that it trusts."""

    http: httpx.Client
    store: KeyStore
    issuer: Issuer
    home: Path

    def key(self, *scopes: str, **terms: object) -> str:
        """A key that the service knows of."""
        _, sent = self.store.create("tests", scopes, **terms)  # type: ignore[arg-type]
        self.follow()
        return sent

    def follow(self) -> None:
        """Wait until the service knows of all that was changed: of a key that was made last."""
        _, sent = self.store.create("tests", ["read"])
        eventually(lambda: self.ask("/leads", sent).status_code == 200)

    def ask(self, path: str, sent: str | None, scheme: str = "Bearer") -> httpx.Response:
        method, body, _ = ASKED[path]
        headers = {} if sent is None else {"authorization": f"{scheme} {sent}"}
        return self.http.request(method, path, json=body, headers=headers)

    def refused(self) -> dict[str, float]:
        """The count by reason."""
        text = self.http.get("/metrics", headers={"authorization": f"Bearer {self.reader}"}).text
        lines = [x for x in text.splitlines() if x.startswith("leadscore_access_refused_total{")]
        return {x.split('reason="')[1].split('"')[0]: float(x.rsplit(" ", 1)[1]) for x in lines}

    @property
    def reader(self) -> str:
        return self.issuer.token("eddsa", scope="read")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("home")
    with issuing() as issuer:
        settings = Settings(
            home=home,
            access="required",
            jwt_issuer=ISSUER,
            jwt_audience=AUDIENCE,
            jwt_keys=issuer.url,
        )
        store = open_keys(settings)
        with running(settings, service=DOUBLE) as url, httpx.Client(base_url=url) as http:
            yield House(http, store, issuer, home)


@pytest.fixture(scope="module")
def keys(house: House) -> dict[Scope, str]:
    made = {scope: house.store.create("tests", [scope])[1] for scope in Scope}
    house.follow()
    return made


def problem_of(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    return msgspec.json.decode(answer.content, type=Problem)


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_what_it_is_for_and_nothing_else(
    house: House, keys: dict[Scope, str], path: str, scope: Scope
) -> None:
    needed = ASKED[path][2]
    answer = house.ask(path, keys[scope])
    if scope in (needed, Scope.ADMIN) or needed is None:
        assert answer.status_code == 200
    else:
        said = problem_of(answer)
        assert (said.status, said.rule) == (403, "scope")


def test_a_key_sends_events_of_its_sources_alone(house: House) -> None:
    sent = house.key("ingest", sources=["web", "urn:product"])
    headers = {"authorization": f"Bearer {sent}"}
    asked: dict[str, tuple[list[object], int]] = {
        "its own": ([{"source": "web"}, {"source": "urn:product"}], 200),
        "not to be read": ([{"id": "1"}, 7], 200),
        "another's": ([{"source": "web"}, {"source": "crm"}], 403),
        "no text": ([{"source": ["web"]}], 403),
        "twice": ([{"source": "web", "source ": "web"}], 200),
    }
    for what, (events, status) in asked.items():
        answer = house.http.post("/events", json={"events": events}, headers=headers)
        assert answer.status_code == status, what
        if status == 403:
            assert problem_of(answer).rule == "source-bound"
    for body in (b'{"events": [{"source": "web", "source": "crm"}]}',):
        json = {**headers, "content-type": "application/json"}
        assert house.http.post("/events", content=body, headers=json).status_code == 403
    one = {**headers, "content-type": "application/cloudevents+json"}
    assert house.http.post("/events", content=b'{"source": "crm"}', headers=one).status_code == 403


def test_a_decision_needs_the_scope_to_read(house: House, keys: dict[Scope, str]) -> None:
    for scope, status in ((Scope.SCORE, 403), (Scope.READ, 404)):
        headers = {"authorization": f"Bearer {keys[scope]}"}
        assert house.http.get("/decisions/made-up", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_probes_are_open(house: House, path: str) -> None:
    assert house.http.get(path).status_code == 200


def test_every_bad_credential_gets_the_same_document(house: House, keys: dict[Scope, str]) -> None:
    good = keys[Scope.SCORE]
    _, secret = good.removeprefix(PREFIX).split("_", 1)
    other = keys[Scope.READ].removeprefix(PREFIX).split("_", 1)[0]
    key, gone = house.store.create("tests", ["score"])
    house.store.revoke(key.key_id, "tests")
    soon = SystemClock().now() + timedelta(seconds=1)
    _, late = house.store.create("tests", ["score"], soon)
    house.follow()
    eventually(lambda: house.ask("/score", late).status_code == 401)
    before = house.refused()
    bad: list[tuple[str | None, str]] = [
        (None, "missing"),
        ("x", "malformed"),
        (good + "x", "wrong_secret"),
        (good[:-1], "wrong_secret"),
        (f"{PREFIX}{other}_{secret}", "wrong_secret"),
        (f"{PREFIX}0123456789abcdef_{secret}", "unknown_key"),
        (f"{PREFIX}{other}_", "malformed"),
        (gone, "revoked"),
        (late, "expired"),
        (house.issuer.token(exp=time.time() - 60), "expired"),
        (house.issuer.token(iss="https://else.example"), "bad_token"),
        (house.issuer.token(aud="else"), "bad_token"),
        (house.issuer.token(exp=None), "bad_token"),
        (house.issuer.token(aud=None), "bad_token"),
        (house.issuer.token()[:-4] + "AAAA", "bad_token"),
        ("a.b.c", "bad_token"),
    ]
    documents = set()
    for sent, reason in bad:
        answer = house.ask("/score", sent)
        assert answer.status_code == 401, reason
        assert answer.headers["www-authenticate"].startswith("Bearer")
        said = problem_of(answer)
        documents.add((said.type, said.title, said.detail, said.rule))
        assert sent is None or len(sent) < 10 or sent not in answer.text
    assert house.ask("/score", good, scheme="Basic").status_code == 401
    assert len(documents) == 1
    after = house.refused()
    for reason in {reason for _, reason in bad} - {"malformed"}:
        asked = sum(1 for _, named in bad if named == reason)
        assert after[reason] - before[reason] == asked, reason
    assert after["malformed"] - before["malformed"] == 3


def test_a_revoked_key_is_refused_within_two_seconds(house: House) -> None:
    sent = house.key("score")
    assert house.ask("/score", sent).status_code == 200
    house.store.revoke(sent.removeprefix(PREFIX).partition("_")[0], "lost")
    eventually(lambda: house.ask("/score", sent).status_code == 401)


@pytest.mark.parametrize("kid", ["rs256", "es256", "eddsa"])
def test_tokens_of_the_issuer_are_taken(house: House, kid: str) -> None:
    for _ in range(2):
        assert house.ask("/score", house.issuer.token(kid)).status_code == 200
    assert house.ask("/events", house.issuer.token(kid)).status_code == 403
    assert house.ask("/score", house.issuer.token(kid, scope=None)).status_code == 403
    assert house.ask("/score", house.issuer.token(kid, scope="admins scoring")).status_code == 403
    assert house.ask("/score", house.issuer.token(kid, aud=[AUDIENCE, "x"])).status_code == 200


def test_a_token_that_was_good_is_not_for_ever(house: House) -> None:
    token = house.issuer.token(exp=int(time.time()) - 28)
    assert house.ask("/score", token).status_code == 200
    eventually(lambda: house.ask("/score", token).status_code == 401, 5)


def test_a_public_key_is_no_shared_secret(house: House) -> None:
    """Tokens signed by what everybody knows, or by nothing."""
    import base64
    import hmac
    import json

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    for algorithm in ("HS256", "none"):
        head = part({"alg": algorithm, "kid": "rs256", "typ": "JWT"})
        signed = head + b"." + part(claims_of({}))
        mac = hmac.digest(json.dumps(house.issuer.public[0]).encode(), signed, "sha256")
        sent = signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
        assert house.ask("/score", sent.decode()).status_code == 401


def test_no_credential_gets_into_metrics_or_log(house: House, keys: dict[Scope, str]) -> None:
    token = house.issuer.token()
    sent = [*keys.values(), token, keys[Scope.SCORE] + "x"]
    for one in sent:
        house.ask("/score", one)
        house.http.post("/nothing", headers={"authorization": f"Bearer {one}"})
    log = next((house.home / "logs").glob("*.log")).read_text()
    text = house.http.get("/metrics", headers={"authorization": f"Bearer {house.reader}"}).text
    for one in sent:
        for held in (one, one[-20:], "jo.doe"):
            assert held not in log
            assert held not in text


def test_the_client_shows_its_credential_and_tells_refusals_apart(
    house: House, keys: dict[Scope, str]
) -> None:
    url = str(house.http.base_url)
    with Client(url, api_key=keys[Scope.SCORE]) as client:
        assert client.score(KNOWN[0]).lead_id == KNOWN[0]
        with pytest.raises(Forbidden) as lacking:
            client.send_events([])
    assert lacking.value.rule == "scope"
    with Client(url, token=house.issuer.token) as client:
        assert client.score(KNOWN[0]).lead_id == KNOWN[0]
    with Client(url) as client, pytest.raises(Unauthenticated):
        client.score(KNOWN[0])


def test_an_unknown_route_tells_nothing_to_strangers(house: House, keys: dict[Scope, str]) -> None:
    assert house.http.get("/made/up").status_code == 401
    headers = {"authorization": f"Bearer {keys[Scope.SCORE]}"}
    assert house.http.get("/made/up", headers=headers).status_code == 404


def test_while_the_issuer_is_away_its_keys_hold(house: House) -> None:
    house.issuer.away = True
    try:
        stranger = Issuer()
        stranger.add("ES256", "other")
        assert house.ask("/score", stranger.token("other")).status_code == 401
        assert house.ask("/score", house.issuer.token("rs256")).status_code == 200
    finally:
        house.issuer.away = False


def test_while_the_database_cannot_be_read_the_last_reading_holds(house: House) -> None:
    sent = house.key("score")
    log = next((house.home / "logs").glob("*.log"))
    with closing(sqlite3.connect(house.home / "access.db")) as database:
        database.execute("ALTER TABLE access_keys RENAME COLUMN digest TO gone")
        try:
            eventually(lambda: "keys cannot be read" in log.read_text(), 5)
            assert house.ask("/score", sent).status_code == 200
            assert house.ask("/score", sent + "x").status_code == 401
        finally:
            database.execute("ALTER TABLE access_keys RENAME COLUMN gone TO digest")
    eventually(lambda: "keys can be read again" in log.read_text(), 5)
    house.follow()
    assert house.ask("/score", sent).status_code == 200


def test_where_others_can_reach_it_a_service_without_keys_does_not_start(tmp_path: Path) -> None:
    for settings, host in (
        (Settings(home=tmp_path), "0.0.0.0"),
        (Settings(home=tmp_path), "::"),
        (Settings(home=tmp_path, access="required"), "127.0.0.1"),
    ):
        with pytest.raises(Missing, match="no live key") as refused:
            start(settings, host, 0, 1, DOUBLE)
        assert refused.value.rule == "access-configured"
        assert "leadscore keys create" in refused.value.todo
