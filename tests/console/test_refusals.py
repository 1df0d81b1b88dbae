"""Who is let in, and what is refused: without a login, a scope, a reason, or from elsewhere."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from console.app import BASE
from console.page_list import PAGES
from serving.auth.api_key_store import open_keys
from serving.auth.console_sessions import ConsoleSession, open_sessions
from serving.console_server import ConsoleServer
from tests.console.conftest import Console, StartConsole, leads_of
from tests.console.forms import fields_of, send
from wiring.registry import open_registry

WRITES = [page for page in PAGES if page.writes]
COOKIE = "leadscore_console"


@pytest.fixture(scope="module", params=["read", "approve", "ingest", "score", "work"])
def scope(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def keyed(console: Console, scope: str) -> Iterator[httpx.Client]:
    """A client that is logged in by a key of this scope and read."""
    _, sent = open_keys(console.settings).create(f"{scope} only", ["read", scope])
    with console.client() as client:
        entered = login(client, sent)
        assert entered.status_code == 303, entered.text
        yield client


def login(client: httpx.Client, sent: str, **headers: str) -> httpx.Response:
    return client.post("/enter", data={"key": sent, "next": "/console/models"}, headers=headers)


def address_of(path: str) -> str:
    for name, value in (
        ("{lead}", "lead_0ea1b3fad4e2a3e1b"),
        ("{version}", "lead-2"),
        ("{kind}", "model"),
        ("{policy}", "standard-1"),
    ):
        path = path.replace(name, value)
    return path


def ledger_length(console: Console) -> int:
    return len(open_registry(console.settings).ledger.entries())


@pytest.mark.parametrize("write", WRITES, ids=lambda page: page.path)
def test_a_write_needs_a_name_a_word_a_reason_and_a_scope(
    console: Console, keyed: httpx.Client, scope: str, write: object
) -> None:
    assert write in WRITES
    page = next(p for p in WRITES if p is write)
    address, before = address_of(page.path), ledger_length(console)
    word = fields_of(keyed.get("/leads").text, f"{BASE}/leads/find")["form_word"]
    good = {"form_word": word, "reason": "why"}

    with console.client() as nobody:  # this machine may look, and not act
        assert nobody.post(address, data=good).status_code == 401
    if scope == page.scope:
        assert keyed.post(address, data={"form_word": word}).status_code == 422
        assert keyed.post(address, data={"form_word": word, "reason": "  "}).status_code == 422
        for wrong in ({}, {"form_word": ""}, {"form_word": "0" * 64}):
            assert keyed.post(address, data={**wrong, "reason": "why"}).status_code == 403
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            assert keyed.post(address, data=good, headers=headers).status_code == 403
    else:
        assert keyed.post(address, data=good).status_code == 403
    assert ledger_length(console) == before


def test_a_form_of_another_session_is_refused(console: Console) -> None:
    _, one = open_keys(console.settings).create("one", ["admin"])
    _, other = open_keys(console.settings).create("other", ["admin"])
    with console.client() as a, console.client() as b:
        login(a, one)
        login(b, other)
        word = fields_of(a.get("/leads").text, f"{BASE}/leads/find")["form_word"]
        sent = b.post("/models/roll-back", data={"form_word": word, "reason": "why"})
    assert sent.status_code == 403
    assert "word of this session" in sent.text


def test_the_address_that_logs_in_is_good_once(console: Console) -> None:
    server = ConsoleServer(console.settings, "127.0.0.1", 0)
    with server.running() as url, httpx.Client(base_url=url) as first, httpx.Client() as second:
        entered = first.get(server.link)
        assert entered.status_code == 303
        assert entered.headers["location"] == "/console/leads"
        flags = entered.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=strict" in flags
        assert "path=/console" in flags
        again = second.get(server.link)
        assert again.status_code == 401
        assert COOKIE not in second.cookies


def test_a_wrong_key_is_refused_and_not_shown(console: Console) -> None:
    with console.client() as client:
        for sent in ("lsk_0011_nonsense", "nonsense", "a.b.c", "x" * 9_000):
            refused = login(client, sent)
            assert refused.status_code == 401
            assert sent not in refused.text
            assert not client.cookies


def test_a_login_from_another_site_is_refused(console: Console) -> None:
    _, sent = open_keys(console.settings).create("login", ["read"])
    with console.client() as client:
        assert login(client, sent, origin="https://evil.example").status_code == 403
        assert not client.cookies


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/elsewhere", "/console//evil.example"]
)
def test_a_login_leads_nowhere_else(console: Console, onward: str) -> None:
    _, sent = open_keys(console.settings).create("onward", ["read"])
    with console.client() as client:
        entered = client.post("/enter", data={"key": sent, "next": onward})
    assert entered.headers["location"] == "/console/leads"


def test_a_session_ends_with_its_key_and_its_logout(console: Console) -> None:
    store = open_keys(console.settings)
    key, sent = store.create("ending", ["admin"])
    with console.client() as client:
        login(client, sent)
        word = fields_of(client.get("/leads").text, f"{BASE}/leads/find")["form_word"]
        kept = client.cookies[COOKIE]
        assert client.post("/leave", data={"form_word": "x"}).status_code == 403
        assert client.post("/leave", data={"form_word": word}).status_code == 303
        client.cookies.set(COOKIE, kept)
        refused = client.post("/models/roll-back", data={"form_word": word, "reason": "why"})
        assert refused.status_code == 401
        client.cookies.clear()
        login(client, sent)
        store.revoke(key.key_id, "over")
        console_forgets(client)


def console_forgets(client: httpx.Client) -> None:
    """Within two seconds, as the service does."""
    from tests.waiting import until

    until(lambda: "log out" not in client.get("/leads").text, 30)


def test_the_table_of_sessions_makes_no_cookie(console: Console) -> None:
    sessions = open_sessions(console.settings)
    session = ConsoleSession(caller_id="0011", by="x", scopes=frozenset({"admin"}))
    word = sessions.begin(session, float("inf"))
    assert sessions.get(word) == session
    stored = (console.settings.home / "access.db").read_bytes()
    assert word.encode() not in stored
    assert sessions.get("other") is None
    assert sessions.get(sessions.begin(session, 1.0)) is None
    sessions.end(word)
    assert sessions.get(word) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "console.evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"x-forwarded-for": "10.0.0.1"},
        {"via": "1.1 proxy"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_this_machine_is_trusted_as_the_service_trusts_it(
    console: Console, headers: dict[str, str]
) -> None:
    with console.client() as client:
        assert client.get("/leads").status_code == 200
        shut = client.get("/leads", headers=headers)
        assert shut.status_code == 303
        assert shut.headers["location"].startswith("/console/enter")
        assert client.post("/leads/find", data={"key": "x"}, headers=headers).status_code in (
            401,
            403,
        )


def test_where_access_is_required_nobody_looks(
    console: Console, start_console: StartConsole
) -> None:
    settings = msgspec.structs.replace(console.settings, access="required")
    own = start_console(settings)
    lead = leads_of(console.settings)[0]
    with own.client() as client:
        for page in PAGES:
            answer = client.request(
                page.method, address_of(page.path), data={} if page.method == "POST" else None
            )
            assert answer.status_code in (303, 401), page.path
            assert lead not in answer.text


def test_reading_is_refused_without_its_scope(
    console: Console, start_console: StartConsole
) -> None:
    _, sent = open_keys(console.settings).create("intake", ["ingest"])
    own = start_console(msgspec.structs.replace(console.settings, access="required"))
    with own.client() as client:
        login(client, sent)
        assert client.get("/leads").status_code == 403


def test_what_is_personal_takes_admin(console: Console) -> None:
    from signals.store import quarantine
    from wiring.signals import open_signals

    one = quarantine.listed(open_signals(console.settings).engine, None, 1)[0].id
    _, sent = open_keys(console.settings).create("reader", ["read"])
    with console.client() as client, console.client() as here:
        login(client, sent)
        assert client.get(f"/data/quarantine/{one}").status_code == 403
        assert here.get(f"/data/quarantine/{one}").status_code == 200


def test_every_answer_forbids_what_a_page_does_not_need(console: Console) -> None:
    with console.client() as client:
        for path in ("/leads", "/enter", "/nowhere", "/data", "/models/lead-1"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"


def test_no_page_holds_a_script_or_a_style_of_its_own(console: Console) -> None:
    import re

    with console.client() as client:
        for page in PAGES:
            if page.method == "GET" and page.template:
                html = client.get(address_of(page.path)).text
                assert not re.search(r"<style|style=|\son\w+=|javascript:", html), page.path
                assert re.findall(r"<script([^>]*)>", html) == [
                    s for s in re.findall(r"<script([^>]*)>", html) if "src=" in s
                ]


def test_forms_are_bounded(console: Console) -> None:
    with console.client() as client:
        much = client.post("/leads/find", data={"key": "x" * (2 << 20)})
        many = client.post("/leads/find", data={f"f{i}": "" for i in range(6_000)})
        other = client.post("/leads/find", json={"key": "x"})
    assert (much.status_code, many.status_code, other.status_code) == (413, 422, 422)


def test_a_lead_is_looked_for_without_its_name_in_an_address(console: Console) -> None:
    with console.client() as client:
        sent = send(client, "/leads", "/leads/find", key="email:nobody@example.com")
        assert sent.status_code == 404
        assert "nobody@example.com" not in sent.text
        lead = leads_of(console.settings)[0]
        found = send(client, "/leads", "/leads/find", key=lead)
        assert found.headers["location"] == f"/console/leads/{lead}"
