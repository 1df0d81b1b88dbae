"""E-mail, Slack and other services that Apprise knows: each effect as a message for people."""

import time
from collections.abc import Sequence

from jobs.alerts.sender import PATIENCE, THROTTLE_S, ChannelSender
from monitoring.alarms.alarm import AlarmMessage
from workflow.connectors.crm_fields import plain
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import DELIVERED, RELEASED, EffectReceipt

LONGEST_LINE = 1_000
_IN_DOUBT = EffectReceipt(
    verdict="never",
    rule="message-in-doubt",
    cause="a process died while it sent this: nobody knows whether it came",
)
_NOT_TAKEN = EffectReceipt(
    verdict="away", rule="message-delivered", cause="the channel did not take the message"
)


class MessageConnector:
    """Sends one message at a time, as alerts do."""

    at_a_time = 1

    def __init__(
        self, sender: ChannelSender, show: Sequence[str], *, send_again_in_doubt: bool
    ) -> None:
        self._sender = sender
        self._show = show
        self._again = send_again_in_doubt

    def deliver(self, claimed: Sequence[ClaimedEffect], until: float) -> list[EffectReceipt]:
        """A receipt for each."""
        return [self._one(one, until) for one in claimed]

    def _one(self, claimed: ClaimedEffect, until: float) -> EffectReceipt:
        if time.monotonic() >= until:
            return RELEASED
        if claimed.in_doubt and not self._again:
            return _IN_DOUBT
        sent = self._sender.send(message_of(claimed.effect, self._show), "info")
        return DELIVERED if sent else _NOT_TAKEN


def patience_s(timeout_s: float) -> float:
    """How long one message may take."""
    return PATIENCE * timeout_s + THROTTLE_S


def message_of(effect: Effect, show: Sequence[str]) -> AlarmMessage:
    """What people read: the action and the lead, then a field a line."""
    shown = {n: v for n, v in effect.fields.items() if (not show or n in show) and v is not None}
    lines = [
        f"{name.replace('_', ' ')}: {plain(value)}"[:LONGEST_LINE] for name, value in shown.items()
    ]
    title = f"{effect.action.replace('_', ' ')}: {effect.lead_id or effect.account_id}"
    return AlarmMessage(title=title.rstrip(": "), text="\n".join(lines) or title)
