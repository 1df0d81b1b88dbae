"""The certificate of a verdict, as the ledger keeps it."""

import msgspec


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Natural logarithms of the evidence, with all that it takes to compute them again.

    `log_no_worse`: against "worse by the margin or more"; `log_worse`: against "not worse". Each
    is proof at level alpha where it reaches `log_needed`. `data` is a SHA-256 over the decisions
    that count and their values. They are of the first `records` of the audit trail, with the
    outcomes up to `watermark_us` among the first `events` of the log.
    """

    accounts: int
    decisions: int
    records: int
    events: int
    watermark_us: int
    alpha: float
    rule: int
    margin: float
    most: int
    window_days: float
    log_no_worse: float
    log_worse: float
    log_needed: float
    data: str
