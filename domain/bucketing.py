"""Where an account falls in a rollout: a hash of both, so that it never moves."""

from hashlib import blake2b


def bucket(account: str, rollout: str) -> float:
    """A number in [0, 1): 53 bits of BLAKE2b of rollout and account.

    Uniform over accounts, and unrelated between rollouts.
    """
    digest = blake2b(f"{rollout}\0{account}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
