"""The socket that workers inherit."""

import errno
import socket

from domain.errors import BadInput

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is a free one. Raises BadInput where it cannot be opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as bad:
        listening.close()
        if isinstance(bad, OSError) and bad.errno == errno.EADDRINUSE:
            raise BadInput(
                f"Port {port} is in use.",
                rule="port-in-use",
                todo="Stop what listens there, or give another one with --port.",
            ) from None
        raise BadInput(f"Port {port} of host {host} cannot be opened.", rule="address") from bad
    return listening
