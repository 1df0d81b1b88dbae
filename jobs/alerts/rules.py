"""Who hears of which alarms: `alerts.yaml`, its types, and how it is read."""

from pathlib import Path
from typing import Annotated

import msgspec

from config.home_files import rules_file
from config.secret_places import VariableName
from config.settings import Settings
from domain.clock import SECOND, from_us, to_us
from monitoring.alarms.alarm import AlarmState, Event, message_of
from monitoring.alarms.catalogue import AlarmName, Severity
from monitoring.alarms.store import Addressed, AlarmChange
from storage.config_numbers import FileVersion, PositiveCount, PositiveDays, PositiveHours, Share
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("alerts.yaml")
TODO = "docs/alerts.md tells every key."

Hour = Annotated[int, msgspec.Meta(ge=0, le=23)]
ChannelName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours, UTC, in which tickets wait; pages don't. From the first until before the second."""

    from_hour: Hour
    to_hour: Hour

    def until_us(self, now_us: int) -> int:
        """When what waits may go: now, outside of these hours."""
        now = from_us(now_us)
        length = (self.to_hour - self.from_hour) % 24
        if (now.hour - self.from_hour) % 24 >= length:
            return now_us
        whole = now.replace(minute=0, second=0, microsecond=0)
        return to_us(whole) + (self.to_hour - now.hour) % 24 * 3600 * SECOND


class AlertChannel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel: where its address is, and which alarms go to it.

    The address, as Apprise writes it (`slack://…`, `mailtos://…`, `json://…`), is a secret: it is
    in the environment variable `url_variable`, or in the file `url_file`, which its owner alone
    may read. `alarms` are kinds; none: all of them.
    """

    url_variable: VariableName | None = None
    url_file: str | None = None
    severities: tuple[Severity, ...] = ("page", "ticket")
    alarms: tuple[AlarmName, ...] = ()
    quiet: QuietHours | None = None

    def __post_init__(self) -> None:
        """Refuse a channel without an address, or with two."""
        if (self.url_variable is None) == (self.url_file is None):
            raise ValueError("a channel needs one of url_variable and url_file")

    def wants(self, alarm: AlarmState) -> bool:
        """Whether an alarm goes to this channel."""
        return alarm.severity in self.severities and alarm.kind in (self.alarms or (alarm.kind,))


class AlarmLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on something is an alarm. `docs/alerts.md` tells each."""

    disk_free_share: Share = 0.1
    stale_hours: PositiveHours = 6.0
    window_hours: PositiveHours = 1.0
    least_decisions: PositiveCount = 100


class AlertRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `alerts.yaml`.

    `runbooks` is the folder or the base URL that links to run books begin with. An alarm that
    stays open is told again after `remind_hours`; what ended, or could not be delivered, is
    forgotten after `keep_days`. `timeout_s` bounds each step of a delivery.
    """

    version: FileVersion
    runbooks: str = "docs/runbooks"
    remind_hours: PositiveHours = 24.0
    keep_days: PositiveDays = 30.0
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=120)] = 10.0
    limits: AlarmLimits = AlarmLimits()
    channels: dict[ChannelName, AlertChannel] = {}

    def address(self, change: AlarmChange, now_us: int) -> list[Addressed]:
        """Whom a change is told to, and from when on."""
        alarm, event = change
        return [
            self._addressed(name, channel, alarm, event, now_us)
            for name, channel in self.channels.items()
            if channel.wants(alarm)
        ]

    def _addressed(
        self, name: str, channel: AlertChannel, alarm: AlarmState, event: Event, now_us: int
    ) -> Addressed:
        waits = channel.quiet is not None and alarm.severity == "ticket"
        hold_us = channel.quiet.until_us(now_us) if channel.quiet is not None and waits else 0
        return Addressed(name, alarm.severity, message_of(alarm, event, self.runbooks), hold_us)


def load_alerts(settings: Settings) -> AlertRules:
    """The home's own rules, or the standard ones. Raises BadConfiguration."""
    return read_typed(rules_file(settings, STANDARD_FILE), AlertRules, "alert-rules", todo=TODO)
