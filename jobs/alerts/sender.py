"""Sends a message by Apprise: bounded in time, and silent about addresses."""

import logging
import threading
from typing import Any

from domain.errors import BadConfiguration
from jobs.alerts.address import RULE
from monitoring.alarms.alarm import AlarmMessage

PATIENCE = 3
"""A delivery is given up after so many times the limit of a step: connect, write, read."""
THROTTLE_S = 6.0
"""So long, at most, a service of Apprise's waits between two messages of its own accord."""
_KINDS = {"page": "failure", "ticket": "warning"}


class ChannelSender:
    """Sends to one address. Raises BadConfiguration, without it, where Apprise cannot use it."""

    def __init__(self, name: str, address: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._service = _service(address)
        if self._service is None:
            raise BadConfiguration(
                f"channel {name}: its address is none that Apprise knows",
                rule=RULE,
                todo="It begins with a scheme such as slack://, mailtos:// or json://.",
            )
        self._service.socket_connect_timeout = timeout_s
        self._service.socket_read_timeout = timeout_s

    def send(self, message: AlarmMessage, severity: str) -> bool:
        """Whether the channel took it, within the time that it is given."""
        delivered: list[bool] = []

        def work() -> None:
            delivered.append(self._notify(message, severity))

        # a server that answers byte by byte would outlast every limit of a single step
        sending = threading.Thread(target=work, daemon=True)
        sending.start()
        sending.join(PATIENCE * self._timeout_s + THROTTLE_S)
        return delivered == [True]

    def _notify(self, message: AlarmMessage, severity: str) -> bool:
        kind = _KINDS.get(severity, "info")
        try:
            done = self._service.notify(body=message.text, title=message.title, notify_type=kind)
        except Exception:
            return False
        return bool(done)


def _service(address: str) -> Any:
    """What Apprise makes of an address; None where it is none. Nothing of it is logged."""
    import apprise

    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    try:
        return apprise.Apprise.instantiate(address, suppress_exceptions=True)
    except Exception:
        return None
