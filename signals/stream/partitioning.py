"""Which partition of the bus a document belongs to: that of its strongest identifier.

One lead's events with the same strongest identifier keep their order. An event that knows the
lead by a cookie alone may overtake one that knows the e-mail address: state does not depend on
order, so nothing changes in the end.
"""

from hashlib import blake2b

import msgspec

from domain.errors import BadSignal
from signals.identifiers.normalization import read_identifiers


class _Named(msgspec.Struct):
    identifiers: dict[str, str | list[str]] = {}


_decoder = msgspec.json.Decoder(_Named)


def key_of(document: bytes) -> str:
    """The key that keeps events of a lead together; a digest, no personal data.

    A document without a readable identifier is keyed by its own digest: it goes to quarantine.
    """
    try:
        keys = read_identifiers(_decoder.decode(document).identifiers).keys
        if keys:
            return keys[0]
    except (BadSignal, ValueError, RecursionError):
        pass
    return blake2b(document, digest_size=16).hexdigest()


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, 0 to partitions - 1; the same on every machine.

    >>> partition_of("200112233445566778899aabbccddeeff", 8)
    3
    """
    return int(key[1:9], 16) % partitions
