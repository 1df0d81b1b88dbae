"""The connections of a process that wait: for the end of a handshake, or for a request's head."""

import asyncio
from collections import OrderedDict
from typing import Protocol


class Connection(Protocol):
    """One that waits."""

    def give_way(self) -> None:
        """End, in favour of another."""


class PendingConnections:
    """Connections that wait, oldest first: `most` in all, `per_address` of one address.

    A step costs the same however many wait. To be used from one event loop.
    """

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        # ordered dictionaries: the first of a plain one is found ever later as others before it go
        self._since: OrderedDict[Connection, str] = OrderedDict()
        self._of: dict[str, OrderedDict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, connection: Connection, address: str) -> Connection | None:
        """Count a connection; the one to close in its favour, or None."""
        if connection in self._since:
            return None
        over, of_address = None, self._of.setdefault(address, OrderedDict())
        if len(of_address) >= self._per_address:
            over = next(iter(of_address))
        elif len(self._since) >= self._most:
            over = next(iter(self._since))
        self._since[connection] = address
        of_address[connection] = None
        return over

    def end(self, connection: Connection) -> None:
        """Count a connection no longer."""
        address = self._since.pop(connection, None)
        if address is None:
            return
        of_address = self._of[address]
        del of_address[connection]
        if not of_address:
            del self._of[address]


def address_of(transport: asyncio.BaseTransport) -> str:
    """The address at a connection's other end; "" where it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, (tuple, list)) and peer else ""
