"""Messages reach real receivers; one that is away loses nothing; no address is ever shown."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.errors import BadConfiguration
from jobs.alerts import delivery
from jobs.alerts.delivery import DeliveryResult, deliver, try_channel
from jobs.alerts.rules import AlertRules, load_alerts
from jobs.alerts.sender import ChannelSender
from monitoring.alarms.alarm import AlarmMessage
from monitoring.alarms.store import Addressed, AlarmStore
from tests.alerts.homes import home
from tests.alerts.receivers import mail_receiver, web_receiver
from tests.commands import leadscore
from tests.servers import free_port

CHANNELS = (
    "version: 1\ntimeout_s: 5\nlimits: {disk_free_share: 0}\nchannels:\n"
    "  hook: {url_variable: ALERTS_HOOK}\n  mail: {url_variable: ALERTS_MAIL}\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = home(tmp_path)
    (made.home / "alerts.yaml").write_text(CHANNELS)
    return made


@pytest.fixture
def store(settings: Settings) -> Iterator[AlarmStore]:
    store = AlarmStore(settings.home)
    yield store
    store.close()


def waits(store: AlarmStore, *titles: str, channel: str = "hook") -> None:
    for title in titles:
        message = AlarmMessage(title=title, text=f"{title}\nin two lines")
        store.add([Addressed(channel, "page", message)], 0)


def test_a_web_hook_and_a_mailbox_get_what_waits_for_them_in_order(
    settings: Settings, store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(store, "one", "two")
    waits(store, "three", channel="mail")
    with web_receiver() as web, mail_receiver() as mail:
        monkeypatch.setenv("ALERTS_HOOK", web.url)
        monkeypatch.setenv("ALERTS_MAIL", mail.url)
        results = deliver(settings, load_alerts(settings), store)
        assert deliver(settings, load_alerts(settings), store)[0].sent == 0, "each once"
    assert results == [
        DeliveryResult(channel="hook", sent=2),
        DeliveryResult(channel="mail", sent=1),
    ]
    assert [post["title"] for post in web.posted] == ["one", "two"]
    assert web.posted[0]["message"] == "one\nin two lines"
    assert web.posted[0]["type"] == "failure"
    ((subject, text),) = mail.mails
    assert subject == "three"
    assert "in two lines" in text
    assert store.channels() == {}


def test_a_channel_that_is_away_loses_nothing_and_holds_up_no_other(
    settings: Settings, store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(store, "one", "two")
    waits(store, "three", channel="mail")
    rules, port, moments = load_alerts(settings), free_port(), iter(range(1, 100))
    monkeypatch.setattr(delivery, "_now_us", lambda: next(moments) * 24 * 3_600_000_000)
    monkeypatch.setenv("ALERTS_HOOK", f"json://127.0.0.1:{port}/s3cret-path")
    with mail_receiver() as mail:
        monkeypatch.setenv("ALERTS_MAIL", mail.url)
        hook, post = deliver(settings, rules, store)
    assert (hook.sent, post.sent) == (0, 1)
    assert hook.reason == "the channel did not take a message"
    assert store.channels()["hook"].waiting == 2
    with web_receiver(port) as web:
        web.status = 500
        assert deliver(settings, rules, store)[0].sent == 0
        web.status = 200
        assert deliver(settings, rules, store)[0].sent == 2
    assert [posted["title"] for posted in web.posted] == ["one", "two"]


def test_it_is_left_alone_for_longer_each_time_but_never_for_ever(
    settings: Settings, store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(store, "one")
    moment = [0]
    monkeypatch.setattr(delivery, "_now_us", lambda: moment[0])
    monkeypatch.delenv("ALERTS_HOOK", raising=False)
    gaps = []
    for _ in range(12):
        deliver(settings, load_alerts(settings), store)
        next_us = store.channels()["hook"].next_us
        gaps.append((next_us - moment[0]) // 60_000_000)
        moment[0] = next_us
    assert gaps[:4] == [1, 2, 4, 8]
    assert gaps[-3:] == [360, 360, 360]
    assert "ALERTS_HOOK holds no address" in store.channels()["hook"].reason


def test_a_server_that_never_ends_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.alerts.sender.THROTTLE_S", 0.0)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"X-More: 1\r\n")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        port = server.getsockname()[1]
        sender = ChannelSender("hook", f"json://127.0.0.1:{port}/", 0.3)
        assert not sender.send(AlarmMessage(title="t", text="t"), "page")
        stop.set()


@pytest.mark.parametrize("address", ["s3cret-word", "nonsense://s3cret-word", "json://"])
def test_what_is_no_address_is_refused_unseen(address: str) -> None:
    with pytest.raises(BadConfiguration) as raised:
        ChannelSender("hook", address, 1.0)
    assert "s3cret-word" not in f"{raised.value}"
    assert "channel hook" in str(raised.value)


def test_no_command_shows_an_address_whatever_becomes_of_it(
    settings: Settings,
    store: AlarmStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    waits(store, "one")
    monkeypatch.setenv("ALERTS_HOOK", f"json://u:s3cret-word@127.0.0.1:{free_port()}/s3cret-path")
    for words in (
        ("alerts", "test", "hook"),
        ("alerts", "test", "mail"),
        ("alerts", "test", "hok"),
        ("alerts", "send", "--json"),
        ("alerts", "list"),
        ("alerts", "list", "--json"),
    ):
        done = leadscore(settings.home, *words)
        assert "s3cret" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert "s3cret" not in caplog.text
    assert "s3cret" not in (settings.home / "alerts.db").read_bytes().decode(errors="ignore")


def test_a_trial_says_that_it_is_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_receiver() as web:
        monkeypatch.setenv("ALERTS_HOOK", web.url)
        assert try_channel(load_alerts(settings), "hook")
        done = leadscore(settings.home, "alerts", "test", "hook")
    assert (done.returncode, done.stdout) == (0, "channel hook took the message\n")
    assert [post["title"] for post in web.posted] == ["[trial] channel hook"] * 2


def test_what_one_channel_is_sent_in_one_go_is_bounded(
    settings: Settings, store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(store, *(f"m{n}" for n in range(7)))
    monkeypatch.setattr(delivery, "AT_A_TIME", 5)
    rules: AlertRules = msgspec.structs.replace(load_alerts(settings))
    with web_receiver() as web:
        monkeypatch.setenv("ALERTS_HOOK", web.url)
        assert [deliver(settings, rules, store)[0].sent for _ in range(3)] == [5, 2, 0]
    assert len(web.posted) == 7
