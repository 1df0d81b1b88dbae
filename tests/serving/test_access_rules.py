"""What the access layer lets through, asked of the layer itself with requests made up whole."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Unavailable
from serving.auth.api_keys import Scope, StoredKey, digest_of
from serving.auth.caller import AccessRefusal
from serving.auth.credentials import ApiKeyChecker, Credentials
from serving.auth.jwks import LARGEST, MOST_KEYS, Signers, reader, signers
from serving.auth.jwt_tokens import SPACING_S, JwtChecker
from serving.auth.loopback import loopback_host
from serving.auth.middleware import NEEDED, AccessMiddleware
from serving.auth.open_paths import OPEN, TOOLS
from serving.auth.polled_value import PolledValue
from serving.auth.rate_limit import CALLERS, RateLimiter
from serving.http.edge_middleware import DECISIONS, UNKNOWN
from serving.service import PATHS
from tests.serving.issuer import AUDIENCE, ISSUER, Issuer, issuing

SECRET = "s" * 43
GOOD = f"lsk_00_{SECRET}"
HELD = StoredKey(
    digest=digest_of(SECRET), scopes=frozenset({Scope.READ}), until_s=1e12, revoked=False
)
LOCAL = [(b"host", b"127.0.0.1:3000")]


class Told:
    """A timer and a clock that go where they are told."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class Inside:
    """The application within: remembers what came through."""

    def __init__(self) -> None:
        self.came: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.came.append(scope)


class Layer:
    """An access layer with one key that may read, and what it counted."""

    def __init__(
        self, tokens: JwtChecker | None = None, rate: RateLimiter | None = None, **more: Any
    ):
        self.inside, self.counted = Inside(), Counter[AccessRefusal]()
        self.keys: PolledValue[dict[str, StoredKey]] = PolledValue(
            "keys", lambda: {"00": HELD}, every_s=1, keep_s=9, timer=more.pop("timer", Told())
        )
        self.keys.refresh()
        self.access = AccessMiddleware(
            self.inside,
            Credentials(ApiKeyChecker(self.keys), tokens),
            rate or RateLimiter(0, 1),
            open_here=more.pop("open_here", True),
            count=lambda reason: self.counted.update([reason]),
        )

    def ask(self, path: str = "/leads", headers: Any = LOCAL, **scope: Any) -> int:
        """The status, 200 where the request came through."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request"}

        request = {"type": "http", "method": "GET", "path": path, "headers": headers}
        request |= {"server": ("127.0.0.1", 3000), "client": ("127.0.0.1", 5)} | scope
        asyncio.run(self.access(request, receive, send))
        self.sent = sent
        return int(sent[0].get("status", 0)) if sent else 200


def bearing(*sent: str) -> list[tuple[bytes, bytes]]:
    return [*LOCAL, *((b"authorization", f"Bearer {one}".encode()) for one in sent)]


def test_every_path_that_is_served_has_its_scope() -> None:
    assert OPEN | NEEDED.keys() == PATHS | {TOOLS, DECISIONS, UNKNOWN}
    assert Layer().ask("/forgotten", bearing(GOOD)) == 403


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"server": ("::1", 3000), "client": ("::1", 4), "headers": [(b"host", b"[::1]:3000")]},
        {"headers": [(b"host", b"localhost:3000")]},
        {"headers": [(b"host", b"LocalHost")]},
        {"headers": [(b"host", b"127.8.9.10:80")]},
        {"headers": [*LOCAL, (b"sec-fetch-site", b"none")]},
        {"headers": [*LOCAL, (b"sec-fetch-site", b"same-origin")]},
        {"headers": []},
        {"server": ("::ffff:127.0.0.1", 1), "client": ("::ffff:127.0.0.1", 1)},
    ],
)
def test_a_program_on_this_machine_needs_no_credential(scope: Any) -> None:
    assert Layer().ask(**scope) == 200
    assert Layer(open_here=False).ask(**scope) == 401


@pytest.mark.parametrize(
    "scope",
    [
        {"server": ("192.0.2.1", 3000)},
        {"client": ("192.0.2.1", 3000)},
        {"server": ("fd00::2", 3000), "client": ("fd00::2", 3000)},
        {"server": ("/run/service.sock", None), "client": None},
        {"server": None},
        {"client": None},
        {"client": ("", 0)},
        {"headers": [(b"x-forwarded-for", b"192.0.2.7")]},
        {"headers": [(b"x-forwarded-proto", b"https")]},
        {"headers": [(b"forwarded", b"for=192.0.2.7")]},
        {"headers": [(b"via", b"1.1 proxy")]},
        {"headers": [(b"x-real-ip", b"192.0.2.7")]},
        {"headers": [(b"origin", b"https://page.example")]},
        {"headers": [(b"host", b"rebound.example:3000")]},
        {"headers": [(b"host", b"localhost.evil.example:4101")]},
        {"headers": [(b"host", b"127.evil.example")]},
        {"headers": [(b"host", b"127.0.0.1.evil.example:3000")]},
        {"headers": [(b"host", b"[::1].evil.example")]},
        {"headers": [(b"host", b"[::1")]},
        {"headers": [(b"host", b"localhost:3000.evil.example")]},
        {"headers": [(b"host", b"user@localhost")]},
        {"headers": [(b"host", b"0x7f.1")]},
        {"headers": [(b"host", "l\u00f6calhost".encode())]},
        {"headers": [*LOCAL, *LOCAL]},
        {"headers": [*LOCAL, (b"sec-fetch-site", b"cross-site")]},
        {"headers": [*LOCAL, (b"sec-fetch-site", b"same-site")]},
        {"http_version": "1.0"},
    ],
)
def test_whatever_comes_from_elsewhere_does(scope: Any) -> None:
    layer = Layer()
    assert layer.ask(**scope) == 401
    assert layer.counted == {AccessRefusal.MISSING: 1}
    assert layer.ask(**{**scope, "headers": [*scope.get("headers", []), *bearing(GOOD)]}) == 200


@given(st.text(st.characters(max_codepoint=127), max_size=12))
def test_a_host_that_only_begins_or_ends_like_this_machine_is_another(more: str) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        longer = f"{host}.{more}x".encode()
        assert not loopback_host(longer)
        assert not loopback_host(f"{more}x.{host}".encode())


def test_a_bad_credential_is_refused_on_this_machine_too() -> None:
    assert Layer().ask(headers=bearing(GOOD + "x")) == 401


def test_two_credentials_are_none() -> None:
    assert Layer().ask(headers=bearing(GOOD, GOOD)) == 401


def test_a_credential_goes_no_further() -> None:
    layer = Layer()
    assert layer.ask(headers=bearing(GOOD)) == 200
    assert SECRET not in str(layer.inside.came)


def test_what_is_no_http_does_not_come_through() -> None:
    layer = Layer()
    layer.ask(type="websocket")
    assert layer.sent == [{"type": "websocket.close"}]
    assert layer.inside.came == []


@given(sent=st.binary(max_size=80))
def test_no_header_makes_it_fail(sent: bytes) -> None:
    for value in (sent, b"Bearer " + sent, b"Bearer lsk_00_" + sent):
        assert Layer().ask(headers=[(b"authorization", value)]) == 401


def test_keys_that_were_not_read_for_too_long_open_nothing() -> None:
    timer = Told()
    layer = Layer(timer=timer)
    timer.s = 8.9
    assert layer.ask(headers=bearing(GOOD)) == 200
    timer.s = 9.1
    assert layer.ask(headers=bearing(GOOD)) == 503
    assert (b"retry-after", b"1") in layer.sent[0]["headers"]
    assert layer.counted == {AccessRefusal.UNAVAILABLE: 1}


def test_a_reading_that_fails_leaves_the_last() -> None:
    readings = [1, 0, 3]
    followed = PolledValue("it", lambda: 3 // readings.pop(0), every_s=1, keep_s=9, timer=Told())
    with pytest.raises(Unavailable):
        followed.value()
    seen = []
    for _ in range(3):
        followed.refresh()
        seen.append(followed.value())
    assert seen == [3, 3, 1]


def test_new_signers_are_found_at_once_and_not_asked_for_too_often() -> None:
    with issuing() as issuer:
        timer = Told()
        followed = PolledValue("k", reader(issuer.url), every_s=300, keep_s=900, timer=timer)
        followed.refresh()
        layer = Layer(JwtChecker(followed, ISSUER, AUDIENCE))
        timer.s += SPACING_S
        issuer.add("ES256", "new")
        assert layer.ask(headers=bearing(issuer.token("new"))) == 200
        stranger = Issuer()
        stranger.add("ES256", "stranger")
        before = issuer.asked
        for _ in range(20):
            assert layer.ask(headers=bearing(stranger.token("stranger"))) == 401
        assert issuer.asked == before
        timer.s += SPACING_S
        issuer.away = True
        assert layer.ask(headers=bearing(stranger.token("stranger"))) == 401
        assert issuer.asked == before + 1
        assert layer.ask(headers=bearing(issuer.token("new"))) == 200


def test_a_signer_that_leaves_the_set_takes_its_tokens_along() -> None:
    issuer = Issuer()
    followed: PolledValue[Signers] = PolledValue(
        "k", lambda: signers(issuer.document()), every_s=300, keep_s=900
    )
    followed.refresh()
    layer, token = Layer(JwtChecker(followed, ISSUER, AUDIENCE)), issuer.token("rs256")
    assert layer.ask(headers=bearing(token)) == 200
    issuer.public = [key for key in issuer.public if key["kid"] != "rs256"]
    followed.refresh()
    assert layer.ask(headers=bearing(token)) == 401


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}', b'{"keys": [1]}', b"[" * 100_000),
        b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}',
        b'{"keys": [{"kid": "a"}]}',
    ],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(Unavailable):
        signers(document)


def test_of_a_set_only_keys_that_sign_are_taken() -> None:
    issuer = Issuer()
    keys = {key["kid"]: key for key in issuer.public}
    keys["rs256"]["use"] = "enc"
    keys["es256"]["alg"] = "ES384"
    others: list[object] = [
        {"kty": "oct", "k": "AAAA", "kid": "shared"},
        {"kty": "RSA", "kid": "half", "n": "AQAB"},
        {**keys["eddsa"], "kid": ["a", "list"]},
        {name: value for name, value in keys["eddsa"].items() if name != "kid"},
        "no key",
    ]
    document = json.dumps({"keys": [*others, *issuer.public]}).encode()
    assert signers(document).keys() == {"eddsa"}


def test_a_set_is_bounded(tmp_path: Path) -> None:
    issuer = Issuer()
    (key,) = (key for key in issuer.public if key["kid"] == "eddsa")
    many = [{**key, "kid": str(n)} for n in range(MOST_KEYS + 1)]
    assert len(signers(json.dumps({"keys": many[:-1]}).encode())) == MOST_KEYS
    with pytest.raises(Unavailable, match="more than"):
        signers(json.dumps({"keys": many}).encode())
    file = tmp_path / "keys.json"
    file.write_bytes(issuer.document().ljust(LARGEST))
    assert len(reader(str(file))()) == 3
    file.write_bytes(issuer.document().ljust(LARGEST + 1))
    with pytest.raises(Unavailable):
        reader(str(file))()
    with issuing() as large:
        large.public *= LARGEST // len(large.document()) + 1
        with pytest.raises(Unavailable):
            reader(large.url)()


def test_a_caller_may_ask_as_often_as_it_may() -> None:
    timer = Told()
    rate = RateLimiter(2.0, 3, timer)
    assert [rate.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]
    assert rate.wait_s("b") == 0
    timer.s = 0.5
    assert [rate.wait_s("a") for _ in range(2)] == [0, 1]
    assert RateLimiter(0.1, 1, timer).wait_s("a") == 0
    slow = RateLimiter(0.1, 1, timer)
    assert [slow.wait_s("a"), slow.wait_s("a")] == [0, 10]


@settings(max_examples=50)
@given(
    per_s=st.floats(0.1, 100),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_more_than_burst_and_rate_together(per_s: float, burst: int, gaps: list[float]) -> None:
    timer = Told()
    rate, let = RateLimiter(per_s, burst, timer), 0
    for gap in gaps:
        timer.s += gap
        wait = rate.wait_s("a")
        let += wait == 0
        if wait:
            later = Told()
            later.s = timer.s + wait
            left, at = rate._buckets["a"]
            assert left + (later.s - at) * per_s >= 1 - 1e-6
    assert let <= burst + timer.s * per_s + 1e-6


def test_callers_are_forgotten_where_they_are_too_many() -> None:
    rate = RateLimiter(1.0, 5, Told())
    for n in range(CALLERS + 500):
        rate.wait_s(str(n))
    assert len(rate._buckets) == CALLERS


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    layer = Layer(rate=RateLimiter(0.5, 2, Told()))
    assert [layer.ask(headers=bearing(GOOD)) for _ in range(3)] == [200, 200, 429]
    assert (b"retry-after", b"2") in layer.sent[0]["headers"]
    assert layer.ask(client=("127.0.0.2", 1)) == 200, "another caller"
    assert layer.ask("/livez") == 200, "probes are not counted"
    assert layer.counted == {AccessRefusal.RATE: 1}


def test_bad_credentials_are_bounded_by_where_they_come_from() -> None:
    layer = Layer(rate=RateLimiter(0.5, 2, Told()))
    assert [layer.ask(headers=bearing("x")) for _ in range(3)] == [401, 401, 429]
    assert layer.ask(headers=bearing(GOOD)) == 200
