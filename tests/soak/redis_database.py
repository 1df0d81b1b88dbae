"""The database of the long proofs in the tests' Redis."""

import redis

NUMBER = 7


def fresh_redis(url: str) -> str:
    """Its URL; it is emptied."""
    own = f"{url}/{NUMBER}"
    with redis.Redis.from_url(own) as server:
        server.flushdb()
    return own
