"""No connector reaches what only this machine can: by no spelling, no name, no redirect."""

import threading

import pytest

from domain.errors import BadConfiguration
from tests.effects.receivers import Answer, Request, server
from workflow.connectors.address_guard import may_reach, networks
from workflow.connectors.guarded_http import (
    GuardedHttp,
    HttpAnswer,
    HttpFailure,
    HttpRequest,
    resolved,
)

GET = HttpRequest("GET", "/x", {}, b"")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:a00:1", "::127.0.0.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::10.0.0.1"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
        *("nonsense", "", "127.1", "2130706433", "0x7f000001"),
    ],
)
def test_what_is_not_public_is_not_reached(address: str) -> None:
    assert not may_reach(address, ())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_what_is_public_is_reached(address: str) -> None:
    assert may_reach(address, ())


def test_a_private_network_is_reached_where_it_is_named() -> None:
    named = networks(["10.0.0.0/8", "fd00::/8"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1"):
        assert may_reach(address, named)
    for address in ("127.0.0.1", "11.0.0.1.evil", "fe80::1", "192.168.0.1"):
        assert not may_reach(address, named)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]"),
        *("[::ffff:127.0.0.1]", "127.0.0.1.", "LOCALHOST", "0"),
    ],
)
def test_every_spelling_of_this_machine_is_refused_and_nothing_is_sent(host: str) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return 200, {}, {}

    with server(answer) as address:
        port = address.rpartition(":")[2]
        for scheme in ("http", "https"):
            try:
                http = GuardedHttp("hook", f"{scheme}://{host}:{port}/", timeout_s=5.0)
            except BadConfiguration:
                continue
            result = http.ask(GET)
            assert isinstance(result, HttpFailure)
            assert result.rule in ("address-private", "receiver-away")
            assert host not in result.cause
    assert asked == []


def test_a_name_that_is_resolved_to_this_machine_is_refused() -> None:
    for found in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["fe80::1%1"], []):
        http = GuardedHttp(
            "hook",
            "https://hooks.example/",
            timeout_s=5.0,
            resolve=lambda *_, f=found: f,
        )
        result = http.ask(GET)
        assert isinstance(result, HttpFailure)
        assert result.rule == "address-private"


def test_the_address_that_was_checked_is_the_one_that_is_reached() -> None:
    """A name that resolves otherwise a moment later: it is resolved once, and not again."""
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.headers["host"])
        return 200, {}, {}

    with server(answer) as address:
        port = int(address.rpartition(":")[2])
        answers = iter([["127.0.0.1"], ["10.255.255.1"]])
        http = GuardedHttp(
            "hook",
            f"http://hooks.example:{port}/base",
            timeout_s=5.0,
            private=networks(["127.0.0.0/8"]),
            resolve=lambda *_: next(answers),
        )
        result = http.ask(GET)
        assert isinstance(result, HttpAnswer)
        assert asked == [f"hooks.example:{port}"]
        second = http.ask(GET)
        assert isinstance(second, HttpFailure)
        assert second.rule == "address-private"


def test_a_public_address_needs_https() -> None:
    http = GuardedHttp(
        "hook", "http://hooks.example/", timeout_s=5.0, resolve=lambda *_: ["93.184.216.34"]
    )
    result = http.ask(GET)
    assert isinstance(result, HttpFailure)
    assert result.rule == "address-plain"


def test_a_redirect_to_this_machine_is_not_followed() -> None:
    inside = threading.Event()

    def secret(_: Request) -> Answer:
        inside.set()
        return 200, {}, {}

    with (
        server(secret) as target,
        server(lambda _: (307, {"Location": f"{target}/admin"}, {})) as address,
    ):
        http = GuardedHttp("hook", address, timeout_s=5.0, private=networks(["127.0.0.0/8"]))
        result = http.ask(GET)
    assert isinstance(result, HttpAnswer)
    assert result.status == 307
    assert not inside.is_set()


@pytest.mark.parametrize(
    "address",
    [
        *("", "s3cret-word", "ftp://s3cret-word/", "file:///etc/passwd", "https://"),
        *("https://u:s3cret-word@hooks.example/", "http://[::1", "gopher://s3cret-word:70/"),
    ],
)
def test_what_is_no_address_is_refused_unseen(address: str) -> None:
    with pytest.raises(BadConfiguration) as raised:
        GuardedHttp("connector hook", address, timeout_s=5.0)
    assert "s3cret" not in str(raised.value)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with server(lambda _: (200, {}, {})) as address:
        http = GuardedHttp("hook", address, timeout_s=5.0, private=networks(["127.0.0.0/8"]))
        assert isinstance(http.ask(GET), HttpAnswer)


def test_a_host_is_resolved_as_this_machine_does() -> None:
    assert "127.0.0.1" in resolved("localhost", 80)
