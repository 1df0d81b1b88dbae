"""Whether a request was made on this very machine, by a program and not by a web page or proxy."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope

LONGEST = 64
"""Characters of a Host that may name this machine: what is remembered of others' is short."""
_PASSED_ON = frozenset({b"forwarded", b"x-real-ip", b"via", b"origin"})
_FROM_A_PAGE_OF_OURS = frozenset({b"none", b"same-origin"})


@lru_cache(maxsize=1024)
def loopback_address(address: str) -> bool:
    """Whether only this machine can reach an address: `localhost`, or a loopback IP address.

    >>> [loopback_address(one) for one in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.7")]
    [True, True, True, False, False]
    >>> loopback_address("127.evil.example")
    False
    """
    if address.lower() == "localhost":
        return True
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback


@lru_cache(maxsize=1024)
def loopback_host(value: bytes) -> bool:
    """Whether a Host header names this machine itself, with or without a port.

    The whole name is compared: a name that only begins like this machine's, such as
    `localhost.evil.example`, belongs to whoever made it resolve to 127.0.0.1 (DNS rebinding).

    >>> [loopback_host(one) for one in (b"LOCALHOST:3000", b"[::1]:80", b"localhost.evil.example")]
    [True, True, False]
    """
    if not value.isascii():
        return False
    text = value.decode()
    if text.startswith("["):
        name, closed, rest = text[1:].partition("]")
        if not closed or ":" not in name:
            return False
    else:
        name, colon, port = text.partition(":")
        rest = colon + port
    if rest and not (rest[0] == ":" and rest[1:].isdigit()):
        return False
    return loopback_address(name)


def made_here(scope: Scope) -> bool:
    """Whether both ends of a connection are this machine, and no proxy forwarded it.

    A forwarded request came from elsewhere: proxies say so in a header or, as nginx does by
    default, speak HTTP/1.0 to the server behind them. A page in a browser runs on this machine too,
    but names its own site in a header.
    """
    for end in ("server", "client"):
        address = scope.get(end)
        if address is None or not loopback_address(address[0]):
            return False
    return scope.get("http_version", "1.1") != "1.0" and _headers_from_here(scope["headers"])


def _headers_from_here(headers: list[tuple[bytes, bytes]]) -> bool:
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or not all(len(host) <= LONGEST and loopback_host(host) for host in hosts):
        return False
    for name, value in headers:
        if name.startswith(b"x-forwarded-") or name in _PASSED_ON:
            return False
        if name == b"sec-fetch-site" and value not in _FROM_A_PAGE_OF_OURS:
            return False
    return True
