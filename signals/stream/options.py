"""How a worker reads the bus."""

from typing import ClassVar

import msgspec

MOST_AT_ONCE = 4
"""So many times the usual batch are the most that one partition's batch may grow to."""


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a worker.

    `batch`: messages of one partition in hand at once where a worker reads all partitions, see
    `batch_of`; `linger_s`: how long a batch waits to fill. `partitions`: how many the stream gets
    where it is not there yet. `lease_s`: how long after its last word a worker's partitions and
    messages go to others. `deliveries`: a message delivered more often is a dead letter.
    `graceful_s`: how long a stop waits for what is in hand. `group` is the Kafka consumer group.
    """

    longest: ClassVar[int] = 256 * 1024
    """Bytes of the longest message that the stream takes: with `batch`, it bounds the memory."""

    batch: int = 500
    linger_s: float = 0.2
    partitions: int = 8
    lease_s: float = 6.0
    deliveries: int = 5
    graceful_s: float = 30.0
    group: str = "leadscore"

    def batch_of(self, reading: int, partitions: int) -> int:
        """Messages of a batch of one partition where `reading` of `partitions` are a worker's own.

        A worker holds no more in all, however many it reads: those who share the stream commit as
        many at once as one alone would.
        """
        return self.batch * min(MOST_AT_ONCE, partitions // max(reading, 1))
