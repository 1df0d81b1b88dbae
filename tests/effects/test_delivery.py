"""What a home's workflow asks for reaches its receivers, by commands and by the operating loop."""

import logging
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from domain.errors import BadConfiguration
from jobs.effects.delivery import ConnectorDelivery, open_deliverer
from jobs.effects.rules import load_connectors
from jobs.operate import effects as job
from jobs.operate.job import JobRun
from jobs.operate.rules import load_rules
from tests.alerts.receivers import mail_receiver, web_receiver
from tests.commands import leadscore
from tests.effects.homes import SECRET, asks, configure, desk_of, home_with, now_effect
from tests.effects.receivers import Hooks, HubSpot, Salesforce, server
from tests.servers import free_port
from workflow.effect import Effect

FILE = {"lines": {"kind": "file"}}


def deliver(settings: Settings) -> dict[str, ConnectorDelivery]:
    return {one.connector: one for one in open_deliverer(settings).deliver(60.0)}


def lines(settings: Settings) -> list[Effect]:
    paths = sorted((settings.home / "effects").glob("*.jsonl"))
    return [
        msgspec.json.decode(line, type=Effect)
        for path in paths
        for line in path.read_bytes().splitlines()
    ]


def hook(address: str) -> dict[str, Any]:
    return {"kind": "webhook", "address": address, "secret_variable": "HOOK_SECRET"}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("HUBSPOT_TOKEN", "t0ken-s3cret")
    monkeypatch.setenv("SALESFORCE_SECRET", "cl1ent-s3cret")


def test_every_kind_of_connector_is_reached_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = Hooks()
    portal = HubSpot({"0031": {}}, token="t0ken-s3cret")
    org = Salesforce({"00Q1": {}}, secret="cl1ent-s3cret")
    record = {"record": {"field": "crm_id"}, "fields": {"score": "lead_score"}}
    with (
        server(hooks.answer) as one,
        server(portal.answer) as two,
        server(org.answer) as three,
        mail_receiver() as mail,
        web_receiver() as chat,
    ):
        monkeypatch.setenv("MAIL_URL", mail.url)
        monkeypatch.setenv("CHAT_URL", chat.url)
        connectors = {
            "hook": hook(one),
            "hubspot": {"kind": "hubspot", "address": two, "token_variable": "HUBSPOT_TOKEN"}
            | record,
            "salesforce": {"kind": "salesforce", "address": three, "client_id": "app"}
            | {"secret_variable": "SALESFORCE_SECRET"}
            | record,
            "mail": {"kind": "message", "url_variable": "MAIL_URL", "show": ["score"]},
            "chat": {"kind": "message", "url_variable": "CHAT_URL"},
            **FILE,
        }
        settings = home_with(tmp_path, connectors)
        for n, name in enumerate(connectors):
            number = "0031" if name == "hubspot" else "00Q1"
            fields = {"score": 0.5, "crm_id": number}
            asks(settings, now_effect(f"k{n}", connector=name, fields=fields, action="call_now"))
        asks(settings, now_effect("nowhere", connector="typo"))
        delivered = deliver(settings)
        again = deliver(settings)
    assert {name: one.delivered for name, one in delivered.items()} == dict.fromkeys(
        connectors, 1
    ) | {"typo": 0}
    assert delivered["typo"].reason == "connectors.yaml has no such connector"
    assert list(again) == ["typo"]
    assert list(hooks.seen) == ["k0"]
    assert portal.contacts["0031"] == {"lead_score": "0.5"}
    assert org.leads["00Q1"] == {"lead_score": 0.5}
    ((subject, text),) = mail.mails
    assert subject == "call now: lead_1"
    assert "score: 0.5" in text
    assert "0031" not in text
    assert [post["title"] for post in chat.posted] == ["call now: lead_1"]
    assert [one.key for one in lines(settings)] == ["k5"]


def test_a_receiver_that_is_away_is_left_alone_and_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    settings = home_with(tmp_path, {"hook": hook(f"http://127.0.0.1:{port}/"), **FILE})
    asks(settings, *(now_effect(f"k{n}", connector="hook", lead_id=f"l{n}") for n in range(40)))
    asks(settings, now_effect("line", connector="lines"))
    first = deliver(settings)
    assert (first["hook"].delivered, first["lines"].delivered) == (0, 1), "nobody else is held up"
    assert first["hook"].postponed == 12, "three tries of four, then it is left alone"
    assert "left alone" in first["hook"].reason
    second = deliver(settings)["hook"]
    assert (second.postponed, "left alone" in second.reason) == (0, True)
    (status,) = msgspec.json.decode(
        leadscore(settings.home, "effects", "connectors", "--json").stdout
    )[:1]
    assert (status["connector"], status["waiting"]) == ("hook", 40)
    assert status["not_before_us"] > time.time() * 1e6


def test_it_is_tried_with_one_effect_once_its_time_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.outbox.effect_queue.FIRST_AWAY_S", 0.01)
    monkeypatch.setattr("workflow.outbox.effect_queue.LONGEST_AWAY_S", 0.01)
    hooks = Hooks(script=[(503, {}, {})] * 13)
    with server(hooks.answer) as address:
        settings = home_with(tmp_path, {"hook": hook(address)})
        asks(settings, *(now_effect(f"k{n}", connector="hook", lead_id=f"l{n}") for n in range(20)))
        counts = []
        while len(hooks.done) < 20:
            before = len(hooks.requests)
            deliver(settings)
            counts.append(len(hooks.requests) - before)
    assert [count for count in counts if count][:2] == [12, 1], "a single one tries the way"
    assert set(hooks.seen.values()) == {1}
    assert desk_of(settings).counts() == {("hook", "delivered"): 20}


def test_a_receiver_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    hooks = Hooks(script=[(429, {"Retry-After": "3600"}, {})])
    with server(hooks.answer) as address:
        settings = home_with(tmp_path, {"hook": {**hook(address), "at_once": 1}})
        asks(settings, *(now_effect(f"k{n}", connector="hook", lead_id=f"l{n}") for n in range(9)))
        assert "left alone" in deliver(settings)["hook"].reason
        deliver(settings)
    assert len(hooks.requests) == 1, "not one request more"


def test_dead_letters_are_listed_tried_again_and_dropped_by_commands(tmp_path: Path) -> None:
    hooks = Hooks(script=[(422, {}, {"for": "jo@example.com"})] * 3)
    with server(hooks.answer) as address:
        settings = home_with(tmp_path, {"hook": {**hook(address), "at_once": 1}})
        asks(settings, *(now_effect(f"k{n}", connector="hook", lead_id=f"l{n}") for n in range(4)))
        done = leadscore(settings.home, "effects", "deliver")
        assert done.returncode == 1
        assert "3 became dead letters [effect-delivered]" in done.stderr
        listed = leadscore(settings.home, "effects", "list", "--state", "dead")
        assert listed.stdout.count("it answered 422") == 3
        assert "receiver-rejects" in listed.stdout
        home = settings.home
        assert leadscore(home, "effects", "retry", "k0", "--reason", "mended").returncode == 0
        dropped = leadscore(home, "effects", "drop", "--all", "--reason", "no use", "--by", "ann")
        assert dropped.stdout == "2 dropped\n"
        assert leadscore(home, "effects", "deliver").returncode == 0
        shown = msgspec.json.decode(leadscore(home, "effects", "show", "k1").stdout)
    assert shown["journal"][0]["kind"] == "dropped"
    assert (shown["journal"][0]["by"], shown["journal"][0]["reason"]) == ("ann", "no use")
    assert desk_of(settings).counts() == {("hook", "delivered"): 2, ("hook", "dropped"): 2}
    for words, code in (
        (("effects", "retry", "--reason", "x"), 2),
        (("effects", "retry", "k0", "--all", "--reason", "x"), 2),
        (("effects", "retry", "nothing", "--reason", "x"), 3),
        (("effects", "drop", "k0", "--reason", "x"), 1),
        (("effects", "drop", "k0", "--reason", " "), 2),
        (("effects", "list", "--state", "lost"), 2),
        (("effects", "show", "nothing"), 3),
    ):
        refused = leadscore(settings.home, *words)
        assert (refused.returncode, "Traceback" in refused.stderr) == (code, False), refused


def test_the_operating_loop_delivers(tmp_path: Path) -> None:
    settings = home_with(tmp_path, FILE)
    run = JobRun(settings, load_rules(settings), 0, 0, lambda: None)
    assert job.deliver(run).outcome == "idle"
    assert not (settings.home / "workflow.db").exists(), "who only looks makes no database"
    asks(settings, now_effect("a", connector="lines"), now_effect("b", connector="typo"))
    first = job.deliver(run)
    assert first.outcome == "held"
    assert first.notes == ("lines: 1 delivered", "typo: connectors.yaml has no such connector")
    desk_of(settings).drop(["b"], by="ann", reason="a slip")
    assert job.deliver(run).outcome == "idle"
    hooks = Hooks(script=[(422, {}, {})])
    with server(hooks.answer) as address:
        configure(settings, {"hook": hook(address)})
        asks(settings, now_effect("c", connector="hook"))
        assert job.deliver(run).outcome == "alarmed"


def test_a_secret_that_is_not_there_holds_up_its_connector_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    settings = home_with(tmp_path, {"hook": hook("http://127.0.0.1:1/"), **FILE})
    asks(settings, now_effect("a", connector="hook"), now_effect("b", connector="lines"))
    delivered = deliver(settings)
    assert "HOOK_SECRET holds no signing secret" in delivered["hook"].reason
    assert delivered["lines"].delivered == 1


def test_nothing_personal_and_no_secret_is_logged_or_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "address"
    hooks = Hooks(script=[(500, {}, {"echo": "jo@example.com"})] * 9)
    with server(hooks.answer) as address:
        path.write_text(f"{address}/s3cret-path?key=s3cret-word\n")
        path.chmod(0o600)
        connectors = {
            "hook": {
                "kind": "webhook",
                "address_file": str(path),
                "secret_variable": "HOOK_SECRET",
            },
            "hubspot": {
                "kind": "hubspot",
                "address": address,
                "token_variable": "HUBSPOT_TOKEN",
                "record": {"field": "email"},
                "id_property": "email",
                "fields": {"score": "lead_score"},
            },
        }
        settings = home_with(tmp_path, connectors)
        for name in connectors:
            fields = {"email": "jo@example.com", "score": 0.5}
            asks(settings, now_effect(name, connector=name, fields=fields))
        outputs = [leadscore(settings.home, "effects", "deliver") for _ in range(4)]
        reads = (("list",), ("list", "--json"), ("connectors", "--json"))
        outputs += [leadscore(settings.home, "effects", *words) for words in reads]
    assert hooks.requests
    told = caplog.text + "".join(one.stdout + one.stderr for one in outputs)
    for secret in ("jo@example", "s3cret", SECRET, "example.com"):
        assert secret not in told
    held = (settings.home / "workflow.db").read_bytes().decode(errors="ignore")
    for secret in ("s3cret", SECRET):
        assert secret not in held


@pytest.mark.parametrize(
    ("connectors", "told"),
    [
        ({"hook": {"kind": "webhook", "address": "https://a.example/"}}, "secret_variable"),
        ({"hook": {"kind": "webhook", "secret_variable": "A"}}, "address"),
        ({"hook": {**hook("ftp://a.example/")}}, "address"),
        ({"hook": {**hook("https://u:p@a.example/")}}, "address"),
        ({"crm": {"kind": "hubspot", "fields": {}, "record": {"field": "a"}}}, "fields"),
        ({"crm": {"kind": "pigeon"}}, "kind"),
        ({"Bad Name": {"kind": "file"}}, "Bad Name"),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused_by_line(
    tmp_path: Path, connectors: dict[str, Any], told: str
) -> None:
    settings = home_with(tmp_path, connectors)
    with pytest.raises(BadConfiguration) as raised:
        load_connectors(settings)
    assert raised.value.where.startswith("connectors.yaml")
    assert told in str(raised.value) or "matching regex" in str(raised.value)


def test_a_lease_outlasts_its_requests(tmp_path: Path) -> None:
    settings = home_with(tmp_path, FILE, lease_seconds=7.9)
    with pytest.raises(BadConfiguration, match="4 times timeout_seconds"):
        load_connectors(settings)
