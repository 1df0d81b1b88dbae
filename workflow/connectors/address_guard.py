"""Which addresses a connector may reach: public ones, and private ones that are named.

Whoever can set a connector's address, or the DNS record of its host, must not reach with it what
only this machine can (server-side request forgery): its own ports, its network, its cloud's
metadata service. All forms in which IPv6 carries an IPv4 address are unpacked first.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_CARRIERS = (
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
"""Networks whose addresses carry an IPv4 address, and how many bits stand behind it."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation. Raises ValueError where one is none."""
    return tuple(ip_network(text) for text in texts)


def unpacked(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one carries, else the address itself.

    >>> [str(unpacked(ip_address(one))) for one in ("::ffff:127.0.0.1", "64:ff9b::a00:1")]
    ['127.0.0.1', '10.0.0.1']
    """
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.teredo is not None:
        return address.teredo[1]
    for network, behind in _CARRIERS:
        if address in network and int(address) > 1:
            return IPv4Address((int(address) >> behind) & 0xFFFF_FFFF)
    return address


def may_reach(text: str, private: Sequence[Network]) -> bool:
    """Whether an address is public, or within a network that is named.

    >>> may_reach("93.184.216.34", ()), may_reach("127.0.0.1", ()), may_reach("::1", ())
    (True, False, False)
    >>> may_reach("10.1.2.3", networks(["10.0.0.0/8"]))
    True
    """
    try:
        address = unpacked(ip_address(text))
    except ValueError:
        return False
    if any(address.version == one.version and address in one for one in private):
        return True
    return address.is_global and not address.is_multicast
