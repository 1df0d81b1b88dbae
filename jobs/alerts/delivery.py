"""Delivers what waits to its channels: in order, bounded, and again later where one is away."""

import msgspec

from config.settings import Settings
from domain.clock import SECOND, SystemClock, to_us
from domain.errors import LeadscoreError
from jobs.alerts.address import address_of
from jobs.alerts.rules import AlertChannel, AlertRules
from jobs.alerts.sender import ChannelSender
from monitoring.alarms.alarm import AlarmMessage
from monitoring.alarms.store import AlarmStore, ChannelState
from storage.files import exclusive

AT_A_TIME = 50
"""So many messages a channel gets in one go."""
FIRST_WAIT_S = 60
LONGEST_WAIT_S = 6 * 3600
LOCK = "alerts.lock"


class DeliveryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a channel's messages: how many it took, and why no more ("": all of them)."""

    channel: str
    sent: int
    reason: str = ""


def deliver(settings: Settings, rules: AlertRules, store: AlarmStore) -> list[DeliveryResult]:
    """Send what is due, channel by channel; one process at a time. A message waits until it went.

    A process that dies between a channel's answer and its note sends that one message again.
    """
    with exclusive(settings.home / LOCK):
        return [_deliver(rules, store, *one) for one in rules.channels.items()]


def _deliver(
    rules: AlertRules, store: AlarmStore, name: str, channel: AlertChannel
) -> DeliveryResult:
    due = store.due(name, _now_us(), AT_A_TIME)
    if not due:
        return DeliveryResult(channel=name, sent=0)
    try:
        sender = ChannelSender(name, address_of(name, channel), rules.timeout_s)
    except LeadscoreError as bad:
        return _failed(store, name, 0, bad.what)
    sent = 0
    for waiting in due:
        if not sender.send(waiting.message, waiting.severity):
            return _failed(store, name, sent, "the channel did not take a message")
        store.sent(name, waiting.id)
        sent += 1
    return DeliveryResult(channel=name, sent=sent)


def _failed(store: AlarmStore, name: str, sent: int, reason: str) -> DeliveryResult:
    """Leave a channel alone: a minute at first, then twice as long each time, at most six hours."""
    before = store.channels().get(name, ChannelState(channel=name)).failures
    wait_s = min(FIRST_WAIT_S << min(before, 20), LONGEST_WAIT_S)
    next_us = _now_us() + wait_s * SECOND
    state = ChannelState(channel=name, failures=before + 1, next_us=next_us, reason=reason)
    store.failed(state)
    return DeliveryResult(channel=name, sent=sent, reason=reason)


def try_channel(rules: AlertRules, name: str) -> bool:
    """Send a channel a message that says that it is a trial. Raises Missing, BadConfiguration."""
    sender = ChannelSender(name, address_of(name, rules.channels[name]), rules.timeout_s)
    text = "This is a trial: alarms of this installation come here. Nothing is wrong."
    return sender.send(AlarmMessage(title=f"[trial] channel {name}", text=text), "info")


def _now_us() -> int:
    return to_us(SystemClock().now())
