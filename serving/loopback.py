"""Whether a request was made on this very machine, by a program and not by a web page or proxy."""

from starlette.types import Scope

_HERE = ("127.", "::ffff:127.")
_NAMES = (b"localhost", b"127.", b"[::1]")


def loopback_address(address: str) -> bool:
    """Whether only this machine can reach an address.

    >>> [loopback_address(one) for one in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.7")]
    [True, True, True, False, False]
    """
    return address in ("::1", "localhost") or address.startswith(_HERE)


def made_here(scope: Scope) -> bool:
    """Whether both ends of a connection are this machine, and nobody sent it on from elsewhere.

    What a proxy passes on came from elsewhere. A page in a browser runs on this machine too, but
    speaks for whoever wrote it: it names its origin, or a host that was made to mean this machine.
    """
    for end in ("server", "client"):
        address = scope.get(end)
        if address is None or not loopback_address(address[0]):
            return False
    for name, value in scope["headers"]:
        if name.startswith(b"x-forwarded-") or name in _PASSED_ON:
            return False
        if name == b"host" and not value.startswith(_NAMES):
            return False
    return True


_PASSED_ON = frozenset({b"forwarded", b"x-real-ip", b"via", b"origin"})
