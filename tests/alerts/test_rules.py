"""Who hears of what: channels, quiet hours, and addresses that nobody else may read."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.settings import Settings
from domain.clock import from_us, to_us
from domain.errors import BadConfiguration, Missing
from jobs.alerts.address import address_of
from jobs.alerts.rules import AlertChannel, QuietHours, load_alerts
from monitoring.alarms.alarm import AlarmState
from monitoring.alarms.catalogue import AlarmName
from monitoring.alarms.store import AlarmChange

SECRET = "json://u:s3cret-word@127.0.0.1/p"


def alarm(kind: AlarmName) -> AlarmState:
    return AlarmState(
        id=1,
        kind=kind,
        subject="x",
        evidence=("3 of 4",),
        acted="",
        opened_us=0,
        seen_us=0,
        notified_us=0,
    )


def rules_of(home: Path, text: str) -> Settings:
    (home / "alerts.yaml").write_text(text)
    return Settings(home=home)


def test_the_standard_file_tells_nobody(tmp_path: Path) -> None:
    rules = load_alerts(Settings(home=tmp_path))
    assert rules.channels == {}
    assert rules.address(AlarmChange(alarm("store-away"), "opened"), 0) == []


def test_a_channel_hears_of_its_severities_and_its_kinds(tmp_path: Path) -> None:
    settings = rules_of(
        tmp_path,
        "version: 1\nrunbooks: https://docs.test/runbooks\nchannels:\n"
        "  pager: {url_variable: A, severities: [page]}\n"
        "  model: {url_variable: B, alarms: [population-shift]}\n",
    )
    rules = load_alerts(settings)

    def hears(kind: AlarmName) -> list[str]:
        return [a.channel for a in rules.address(AlarmChange(alarm(kind), "opened"), 0)]

    assert hears("calibration-off") == ["pager"]
    assert hears("population-shift") == ["model"]
    assert hears("retraining-needed") == []
    (one,) = rules.address(AlarmChange(alarm("population-shift"), "reminder"), 0)
    assert one.message.title == "[ticket] still open: population-shift: x"
    assert "Evidence: 3 of 4" in one.message.text
    assert "Done by itself: nothing" in one.message.text
    assert "https://docs.test/runbooks/population-shift.html" in one.message.text


@pytest.mark.parametrize(
    ("hour", "until"), [(17, 17), (18, 31), (23, 31), (0, 7), (6, 7), (7, 7), (12, 12)]
)
def test_tickets_wait_for_the_end_of_quiet_hours_and_pages_do_not(hour: int, until: int) -> None:
    now_us = to_us(datetime(2026, 5, 4, hour, 0, tzinfo=UTC))
    quiet = QuietHours(from_hour=18, to_hour=7)
    ends = from_us(quiet.until_us(now_us))
    assert (ends - datetime(2026, 5, 4, tzinfo=UTC)).total_seconds() == until * 3600


def test_pages_are_never_held_back(tmp_path: Path) -> None:
    text = "version: 1\nchannels: {a: {url_variable: A, quiet: {from_hour: 0, to_hour: 23}}}\n"
    rules = load_alerts(rules_of(tmp_path, text))
    for kind, held in (("calibration-off", False), ("population-shift", True)):
        (one,) = rules.address(AlarmChange(alarm(kind), "opened"), 5)  # type: ignore[arg-type]
        assert (one.hold_until_us > 5) == held


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nchannels: {a: {}}\n",
        "version: 1\nchannels: {a: {url_variable: A, url_file: b}}\n",
        "version: 1\nchannels: {a: {url: json://x}}\n",
        "version: 1\nchannels: {a: {url_variable: A, alarms: [no-such-alarm]}}\n",
        "version: 1\nchannels: {A B: {url_variable: A}}\n",
        "version: 1\nremind_hours: 0\n",
        f"version: 1\nchannels: {{a: {{url_variable: '{SECRET}'}}}}\n",
    ],
)
def test_what_cannot_be_is_refused_by_line_without_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfiguration) as raised:
        load_alerts(rules_of(tmp_path, text))
    assert "alerts.yaml" in str(raised.value)
    assert "s3cret-word" not in str(raised.value)


def test_an_address_is_read_from_a_variable_or_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS_TEAM", f" {SECRET}\n")
    assert address_of("team", AlertChannel(url_variable="ALERTS_TEAM")) == SECRET
    path = tmp_path / "team.url"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    assert address_of("team", AlertChannel(url_file=str(path))) == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "team.url"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(BadConfiguration, match="chmod 600") as raised:
        address_of("team", AlertChannel(url_file=str(path)))
    assert "s3cret-word" not in f"{raised.value} {raised.value.todo}"


def test_an_address_that_is_not_there_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALERTS_TEAM", raising=False)
    for channel in (
        AlertChannel(url_variable="ALERTS_TEAM"),
        AlertChannel(url_file=str(tmp_path / "none")),
    ):
        with pytest.raises(Missing, match="channel team"):
            address_of("team", channel)
    monkeypatch.setenv("ALERTS_TEAM", f"{SECRET}\n{SECRET}")
    with pytest.raises(BadConfiguration, match="holds no address") as raised:
        address_of("team", AlertChannel(url_variable="ALERTS_TEAM"))
    assert "s3cret-word" not in str(raised.value)
